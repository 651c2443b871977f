"""Calls that a role must be denied: generated for each, from the account and from the table."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tests.infrastructure.iam.account import ACCOUNT, OTHER_ACCOUNT, Account
from tests.infrastructure.iam.calls import DIGEST, Call

# Actions on everything of a type: they destroy it, read its secrets, or widen permissions.
ON_EACH = {
    "AWS::S3::Bucket": """
        s3:DeleteBucket s3:PutBucketPolicy s3:DeleteBucketPolicy s3:PutBucketAcl
        s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration s3:PutBucketPublicAccessBlock
    """,
    "AWS::Lambda::Function": """
        lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:DeleteFunction
        lambda:AddPermission
    """,
    "AWS::StepFunctions::StateMachine": "states:UpdateStateMachine states:DeleteStateMachine",
    "AWS::SNS::Topic": "sns:DeleteTopic sns:Subscribe sns:SetTopicAttributes sns:AddPermission",
    "AWS::Events::Rule": "events:DeleteRule events:PutRule events:PutTargets",
    "AWS::KMS::Key": """
        kms:ScheduleKeyDeletion kms:DisableKey kms:PutKeyPolicy kms:CreateGrant kms:Decrypt
        kms:GenerateDataKey
    """,
    "AWS::IAM::Role": "sts:AssumeRole iam:PutRolePolicy iam:UpdateAssumeRolePolicy",
}

# The same on single resources, as they are named in the account.
ON_ONE = {
    "iam::{account}:role/Admin": "iam:AttachRolePolicy iam:PassRole sts:AssumeRole",
    "iam::{account}:user/admin": "iam:CreateUser iam:CreateAccessKey iam:AttachUserPolicy",
    "iam::{account}:policy/any": "iam:CreatePolicy iam:CreatePolicyVersion",
    "s3:::any-bucket": "s3:CreateBucket s3:ListBucket",
    "s3:::any-bucket/any/object": "s3:GetObject s3:PutObject s3:DeleteObject",
    "sagemaker:{region}:{account}:endpoint/{endpoint}": """
        sagemaker:DeleteEndpoint sagemaker:UpdateEndpoint
        sagemaker:UpdateEndpointWeightsAndCapacities
    """,
    "sagemaker:{region}:{account}:model/any": "sagemaker:CreateModel sagemaker:DeleteModel",
    "sagemaker:{region}:{account}:notebook-instance/any": """
        sagemaker:CreateNotebookInstance sagemaker:CreatePresignedNotebookInstanceUrl
    """,
    "sagemaker:{region}:{account}:processing-job/any": "sagemaker:CreateProcessingJob",
    "ssm:{region}:{account}:parameter{model_name}": "ssm:PutParameter ssm:DeleteParameter",
    "ssm:{region}:{account}:parameter/any": "ssm:GetParameter ssm:PutParameter",
    "secretsmanager:{region}:{account}:secret:any": "secretsmanager:GetSecretValue",
    "dynamodb:{region}:{account}:table/any": "dynamodb:Scan",
    "logs:{region}:{account}:log-group:any": "logs:DeleteLogGroup logs:PutSubscriptionFilter",
    "cloudwatch:{region}:{account}:alarm:any": "cloudwatch:DeleteAlarms cloudwatch:PutMetricAlarm",
    "cloudformation:{region}:{account}:stack/any/1": """
        cloudformation:DeleteStack cloudformation:UpdateStack
    """,
    "ec2:{region}:{account}:instance/i-0123456789abcdef0": "ec2:RunInstances",
}
ANYWHERE = "s3:ListAllMyBuckets organizations:LeaveOrganization"


def forbidden(account: Account, allowed: Iterable[Call]) -> list[Call]:
    """Return calls of every role that are not in the table `allowed`.

    They are those above, on what is shared and on the rest of the role's own stack; what the table
    allows other roles; and what it allows this one, on a resource beside the right one.
    """
    table = list(allowed)
    in_table = set(table)
    found: dict[Call, None] = {}
    for role in account.identity_policies:
        own = [call for call in table if call.holder == role]
        others = [call for call in table if "/" in call.holder and call.holder != role]
        near = (each for call in own for each in _neighbours(account, call))
        for each in (*_dangerous(account, role), *others, *near):
            found.setdefault(Call(role, each.action, each.resource, each.context))
    found.update(dict.fromkeys(_strangers(account)))
    return [call for call in found if call not in in_table]


def unencrypted(account: Account, allowed: Iterable[Call]) -> list[Call]:
    """Return the calls to our buckets and our topic without TLS, and with an old version of it."""
    ours = (*account.arns("AWS::S3::Bucket").values(), *account.arns("AWS::SNS::Topic").values())
    found = []
    for call in allowed:
        if call.resource.startswith(ours):
            contexts = [("aws:SecureTransport", "false")]
            contexts += [("s3:TlsVersion", "1.1")] if ":s3:::" in call.resource else []
            found += [replace(call, context=(*call.context, each)) for each in contexts]
    return found


def _dangerous(account: Account, role: str) -> Iterator[Call]:
    stack, _, _ = role.partition("/")
    for type_, actions in ON_EACH.items():
        for name, arn in account.arns(type_).items():
            if name.startswith((f"{stack}/", "Storage/")) or type_ == "AWS::SNS::Topic":
                for action in actions.split():
                    yield Call("", action, arn)
    names = {
        "endpoint": account.settings.endpoint_name,
        "model_name": account.settings.model_name_parameter,
    }
    for path, actions in ON_ONE.items():
        for action in actions.split():
            yield Call("", action, account.format_arn(path, **names))
    for action in ANYWHERE.split():
        yield Call("", action, "*")
    for bucket in account.arns("AWS::S3::Bucket").values():
        for folder in ("datasets", "batch/input", "models", "baselines", "captures"):
            for action in ("s3:DeleteObject", "s3:PutObjectAcl"):
                yield Call("", action, f"{bucket}/{folder}/{DIGEST}")
    yield Call("", "cloudwatch:PutMetricData", "*", (("cloudwatch:namespace", "Any"),))
    to_another_service = (("iam:PassedToService", "ec2.amazonaws.com"),)
    for passed in (role, "Training/TrainingJobJobRole"):
        yield Call("", "iam:PassRole", account.arn(passed), to_another_service)


def _neighbours(account: Account, call: Call) -> Iterator[Call]:
    """Yield the call on what looks much like its resource, and is another's."""
    environment, arn = account.settings.environment, call.resource
    others = {
        arn.replace(f"cones-{environment}", "cones-other"),
        arn.replace(f"/{environment}/", "/other/"),
        arn.replace(f":{account.region}:", ":eu-west-3:"),
        arn.replace(f":{ACCOUNT}:", f":{OTHER_ACCOUNT}:"),
    }
    if ":s3:::" in arn:
        bucket, slash, key = arn.partition("/")
        others |= {f"{bucket}-other{slash}{key}"}
        others |= {f"{bucket}/other-{key}", f"{bucket}/any/object"} if key else set()
    for other in sorted(others - {arn}):
        yield Call("", call.action, other, call.context)


def _strangers(account: Account) -> Iterator[Call]:
    """Yield what services and accounts that are not in the table must not do."""
    for stranger in ("ec2.amazonaws.com", f"arn:{account.partition}:iam::{OTHER_ACCOUNT}:root"):
        for role in account.arns("AWS::IAM::Role").values():
            yield Call(stranger, "sts:AssumeRole", role)
        for function in account.arns("AWS::Lambda::Function").values():
            yield Call(stranger, "lambda:InvokeFunction", function)
        for bucket in account.arns("AWS::S3::Bucket").values():
            yield Call(stranger, "s3:GetObject", f"{bucket}/any/object")
        for topic in account.arns("AWS::SNS::Topic").values():
            yield Call(stranger, "sns:Publish", topic)
        for key in account.arns("AWS::KMS::Key").values():
            yield Call(stranger, "kms:Decrypt", key)
