"""Buckets for data, artifacts and captures: deployed first, destroyed last."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.conventions import (
    Env,
    EnvironmentStack,
    log_group,
    removal_policy,
    tag_list,
)
from stacks.constructs.common.python_function import ARCHITECTURE, RUNTIME, package
from stacks.constructs.common.storage import EncryptionKey, Storage

NOT_STAGED = "not-staged"
UPLOAD_TIME = cdk.Duration.days(7)


class StorageStack(EnvironmentStack):
    """Three buckets, because each has its own readers, writers and lifetime."""

    def __init__(self, scope: Construct, *, settings: Settings, env: Env) -> None:
        description = "buckets for pictures, models and captured requests"
        super().__init__(scope, settings=settings, name="Storage", description=description, env=env)
        self._settings = settings
        self._key: EncryptionKey | None = None
        if settings.encryption.customer_managed_key:
            self._key = EncryptionKey(self, settings=settings)
        data = self._bucket("DataBucket")
        _send_events(data)
        self.storage = Storage(
            data=data,
            artifacts=self._bucket("ArtifactBucket"),
            captures=self._bucket(
                "CaptureBucket",
                s3.LifecycleRule(
                    id="ExpireCaptures", expiration=cdk.Duration.days(settings.capture.expire_days)
                ),
            ),
        )
        self._add_dataset_pointer()
        if settings.retention.removal == "destroy":
            self._complete_auto_delete_handler()

    def _bucket(self, construct_id: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            # One call to KMS for many objects, instead of one for each picture of a dataset.
            bucket_key_enabled=True if self._key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=removal_policy(self._settings),
            auto_delete_objects=self._settings.retention.removal == "destroy",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="AbortIncompleteUploads",
                    abort_incomplete_multipart_upload_after=UPLOAD_TIME,
                ),
                *rules,
            ],
        )
        self._acknowledge_what_is_left_out(bucket)
        cdk.CfnOutput(self, f"{construct_id}Name", value=bucket.bucket_name)
        # Exported even if no stack imports them: a setting that ends an import, such as that of
        # captures, would first remove the export, which CloudFormation refuses while it is in use.
        for value in (bucket.bucket_name, bucket.bucket_arn):
            self.export_value(value)
        return bucket

    def _add_dataset_pointer(self) -> None:
        # Staging overwrites the value. The stack owns the parameter, so that it is deleted with the
        # stack, and so that training without staged data fails with a clear message.
        # Nothing of it may ever change, not even the description: CloudFormation would write the
        # value below as well, and what is staged would be forgotten.
        pointer = ssm.StringParameter(
            self,
            "DatasetPointer",
            parameter_name=self._settings.dataset_parameter,
            string_value=NOT_STAGED,
            description="Prefix of the staged dataset in the data bucket; set by training.stage",
        )
        for key in self._settings.tags_by_key:
            cdk.Tags.of(pointer).remove(key)

    def _complete_auto_delete_handler(self) -> None:
        # CDK has no properties for these. Its code cannot delete a key with a control character.
        # Without a log group, Lambda creates one outside the stack, which outlives it. With CDK's
        # managed policy, which may create any log group, a late call creates even this one again.
        provider = self.node.find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
        assert isinstance(provider, cdk.CustomResourceProviderBase)
        handler, role = provider.node.find_child("Handler"), provider.node.find_child("Role")
        assert isinstance(handler, cdk.CfnResource)
        assert isinstance(role, cdk.CfnResource)
        logs = log_group(self, "AutoDeleteObjectsLogs", self._settings)
        code = package("empty_bucket").bind(self).s3_location
        assert code
        for name, value in {
            "Code": {"S3Bucket": code.bucket_name, "S3Key": code.object_key},
            "Handler": "lambda_src.empty_bucket.handler.lambda_handler",
            "Runtime": RUNTIME.name,
            "Architectures": [ARCHITECTURE.name],
            "MemorySize": 256,
        }.items():
            handler.add_property_override(name, value)
        handler.add_property_override("LoggingConfig.LogGroup", logs.log_group_name)
        role.add_property_deletion_override("ManagedPolicyArns")
        provider.add_to_role_policy(
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": logs.log_group_arn,
            }
        )
        for resource in (handler, role):
            resource.add_property_override("Tags", tag_list(self._settings))

    def _acknowledge_what_is_left_out(self, bucket: s3.Bucket) -> None:
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "NIST.800.53.R5-S3BucketLoggingEnabled",
            reason="Only roles of these stacks use it, and CloudTrail's data events can record "
            "them. Access logs would need one more bucket, and arrive even while it is deleted.",
        )
        acknowledge(
            bucket,
            "NIST.800.53.R5-S3BucketVersioningEnabled",
            reason="No key is written twice: datasets are named by their digest, models by their "
            "job, captures by their time. Versions would keep what is meant to expire.",
        )
        acknowledge(
            bucket,
            "NIST.800.53.R5-S3BucketReplicationEnabled",
            reason="Everything can be made again: pictures from the public archive, models from "
            "the pictures; captures are samples that expire.",
        )
        if not self._key:
            acknowledge(
                bucket,
                "NIST.800.53.R5-S3DefaultEncryptionKMS",
                reason="Encrypted with S3's own keys, as encryption.customer_managed_key = false "
                "asks for.",
            )


def _send_events(bucket: s3.Bucket) -> None:
    # The construct's event_bridge_enabled would add a custom resource with a function.
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
