"""Looks, before a deployment costs money, whether it can succeed: `scones preflight`.

Every check only reads. To add one: a generator of findings in a module of its own,
`def check(aws: Aws, settings: Settings) -> Iterator[Finding]`, and a line in `checks.CHECKS`.
It handles the errors that are an answer; all others become "could not check" by themselves.

The IAM actions they need, each of them for its own findings only: cloudformation:DescribeStacks,
cloudformation:DescribeStackResources, lambda:GetAccountSettings, s3:GetObject, s3:ListBucket,
sagemaker:DescribeEndpoint, servicequotas:ListServiceQuotas,
servicequotas:ListAWSDefaultServiceQuotas, ssm:GetParameter; of sns: ListSubscriptionsByTopic, and
for phone numbers GetSMSSandboxAccountStatus, ListSMSSandboxPhoneNumbers, ListPhoneNumbersOptedOut,
GetSMSAttributes; for queues sqs:GetQueueUrl, sqs:GetQueueAttributes, kms:DescribeKey,
kms:GetKeyPolicy.
"""
