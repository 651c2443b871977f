"""The customer-managed KMS key, and what those who use it are allowed.

What SageMaker's roles need is documented in "SageMaker roles", CreateTrainingJob and CreateModel:
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from settings import Settings
from settings.instances import has_local_storage
from stacks.constructs.common.grants import allow, service_names
from stacks.constructs.common.removal import removal_policy


class EncryptionKey(kms.Key):
    """Key of one environment, rotated every year.

    Its policy names nobody of ours: that would tie its stack to those that come after it. As with
    KMS's own default policy, the policies of the account's roles say who may use it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Scones {settings.environment}: buckets, topic, captures and volumes",
            enable_key_rotation=True,
            removal_policy=removal_policy(settings),
            # The shortest there is: what the key encrypted goes together with it.
            pending_window=cdk.Duration.days(7),
        )
        # For alarms of others than these stacks, whose own are told of by events.
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )


def volume_key(key: kms.IKey | None, instance_type: str) -> kms.IKey | None:
    """The key for the volumes of such instances; None where SageMaker takes none for them."""
    return None if has_local_storage(instance_type) else key


def allow_reading(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Lets the role read what S3 encrypted with the key, if there is a key."""
    if key:
        _allow_by_service(grantee, key, "s3", "kms:Decrypt")


def allow_writing(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Lets the role write what S3 encrypts with the key, and read it, if there is a key."""
    if key:
        # To write in several parts is to read, too: S3 decrypts the parts to put them together.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
        _allow_by_service(grantee, key, "s3", "kms:GenerateDataKey", "kms:Decrypt")


def allow_publishing(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Lets the role publish to a topic that is encrypted with the key, if there is a key."""
    if key:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        _allow_by_service(grantee, key, "sns", "kms:GenerateDataKey", "kms:Decrypt")


def allow_training(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Lets a training job's role read its data and write its model, if there is a key."""
    allow_writing(grantee, key)
    if key:
        # Documented for such a job, beside what S3 needs; not said is which service calls it.
        allow(grantee, "kms:Encrypt", on=key.key_arn)


def allow_volumes(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Lets SageMaker encrypt volumes with the key on behalf of the role, if there is a key."""
    if key:
        allow(
            grantee,
            "kms:CreateGrant",
            on=key.key_arn,
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )


def _allow_by_service(grantee: iam.IGrantable, key: kms.IKey, service: str, *actions: str) -> None:
    role = grantee.grant_principal
    assert isinstance(role, Construct)
    via = service_names(f"{service}.{cdk.Stack.of(role).region}")
    conditions = {"StringEquals": {"kms:ViaService": via}}
    allow(grantee, *actions, on=key.key_arn, conditions=conditions)
