"""The buckets, as the storage stack hands them to the others, and who may use their key.

"SageMaker roles", CreateTrainingJob and CreateModel document what SageMaker's roles need:
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings
from settings.instances import has_local_storage
from stacks.constructs.common.conventions import removal_policy
from stacks.constructs.common.grants import allow, service_names


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The three buckets, and their key."""

    data: s3.IBucket
    artifacts: s3.IBucket
    captures: s3.IBucket

    @property
    def key(self) -> kms.IKey | None:
        """The customer-managed key of all three; None if S3's own keys encrypt them."""
        return self.data.encryption_key


class EncryptionKey(kms.Key):
    """Key of one environment, rotated every year.

    Its policy names none of our roles: that would tie its stack to those that come after it. As
    with KMS's default policy, the policies of the account's roles say who may use it.
    """

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(
            scope,
            "EncryptionKey",
            description=f"Scones {settings.environment}: buckets, topic, captures and volumes",
            enable_key_rotation=True,
            removal_policy=removal_policy(settings),
            # The minimum: what the key encrypted is deleted together with it.
            pending_window=cdk.Duration.days(7),
        )
        # For alarms outside these stacks; our own are reported through events.
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )


def volume_key(key: kms.IKey | None, instance_type: str) -> kms.IKey | None:
    """Return the key for volumes of such instances; None where SageMaker takes none."""
    return None if has_local_storage(instance_type) else key


def allow_reading(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Allow the role to read what S3 encrypted with the key, if there is a key."""
    if key:
        _allow_by_service(grantee, key, "s3", "kms:Decrypt")


def allow_writing(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Allow the role to write and read what S3 encrypts with the key, if there is a key."""
    if key:
        # A multipart upload also reads: S3 decrypts the parts to put them together.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
        _allow_by_service(grantee, key, "s3", "kms:GenerateDataKey", "kms:Decrypt")


def allow_publishing(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Allow the role to publish to a topic that the key encrypts, if there is a key."""
    if key:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        _allow_by_service(grantee, key, "sns", "kms:GenerateDataKey", "kms:Decrypt")


def allow_training(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Allow a training job's role to read its data and write its model, if there is a key."""
    allow_writing(grantee, key)
    if key:
        # Documented for training jobs beside what S3 needs, without the service that calls it.
        allow(grantee, "kms:Encrypt", on=key.key_arn)


def allow_volumes(grantee: iam.IGrantable, key: kms.IKey | None) -> None:
    """Allow SageMaker to encrypt volumes with the key on behalf of the role, if there is one."""
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
