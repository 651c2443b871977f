"""Check before a deployment costs money whether it can succeed: `scones preflight`.

Checks only read. To add one, write a generator of findings,
`def check(aws: Aws, settings: Settings) -> Iterator[Finding]`, and add it to `checks.CHECKS`. It
handles the errors that are an answer; all others become "could not check".

The checks need these IAM actions, each only for its own findings: cloudformation:DescribeStacks,
cloudformation:DescribeStackResources, lambda:GetAccountSettings, s3:GetObject, s3:ListBucket,
sagemaker:DescribeEndpoint, servicequotas:ListServiceQuotas,
servicequotas:ListAWSDefaultServiceQuotas, ssm:GetParameter; of sns: ListSubscriptionsByTopic, and
for phone numbers GetSMSSandboxAccountStatus, ListSMSSandboxPhoneNumbers, ListPhoneNumbersOptedOut,
GetSMSAttributes; for queues sqs:GetQueueUrl, sqs:GetQueueAttributes, kms:DescribeKey,
kms:GetKeyPolicy.
"""
