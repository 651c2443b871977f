"""Buckets for data, artifacts and captures: the stateful part, deployed first, destroyed last."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.encryption_key import EncryptionKey
from stacks.constructs.common.log_group import log_group
from stacks.constructs.common.python_function import ARCHITECTURE, RUNTIME, packages
from stacks.constructs.common.removal import removal_policy
from stacks.constructs.common.tags import tag_list

NOT_STAGED = "not-staged"
UPLOAD_TIME = cdk.Duration.days(7)


class StorageStack(cdk.Stack):
    """Three buckets, because each has readers, writers and a lifetime of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: buckets for pictures, models and captured requests",
        )
        self._settings = settings
        self.encryption_key: kms.IKey | None = None
        if settings.encryption.customer_managed_key:
            self.encryption_key = EncryptionKey(self, "EncryptionKey", settings=settings)
        self.data_bucket = self._bucket("DataBucket")
        _send_events(self.data_bucket)
        self.artifact_bucket = self._bucket("ArtifactBucket")
        self.capture_bucket = self._bucket(
            "CaptureBucket",
            s3.LifecycleRule(
                id="ExpireCaptures", expiration=cdk.Duration.days(settings.capture.expire_days)
            ),
        )
        self._add_dataset_pointer()
        if settings.retention.removal == "destroy":
            self._complete_auto_delete_handler()

    def _bucket(self, construct_id: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.KMS
            if self.encryption_key
            else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.encryption_key,
            # One call to KMS for many objects; without it, reading the pictures of a dataset costs
            # a call each.
            bucket_key_enabled=True if self.encryption_key else None,
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
        _acknowledge_what_is_left_out(bucket)
        if not self.encryption_key:
            _acknowledge_the_key_of_s3(bucket)
        cdk.CfnOutput(self, f"{construct_id}Name", value=bucket.bucket_name)
        # Whether anybody imports them or not: else a setting that ends an import, as that of
        # captures, takes the export away first, which CloudFormation refuses while it is in use.
        for value in (bucket.bucket_name, bucket.bucket_arn):
            self.export_value(value)
        return bucket

    def _add_dataset_pointer(self) -> None:
        # Staging overwrites the value. The stack owns the parameter, so that it goes with the
        # stack, and so that training without staged data is refused in words.
        pointer = ssm.StringParameter(
            self,
            "DatasetPointer",
            parameter_name=self._settings.dataset_parameter,
            string_value=NOT_STAGED,
            description="Prefix of the staged dataset in the data bucket; set by `scones stage`",
        )
        # CloudFormation changes a parameter's tags by writing its value, too: the one above.
        for key in self._settings.tags_by_key:
            cdk.Tags.of(pointer).remove(key)

    def _complete_auto_delete_handler(self) -> None:
        # CDK has no properties for these. Its own code cannot delete a key with a control
        # character. Without a log group, Lambda makes one on the first call, outside the stack, and
        # it outlives the stack; with CDK's managed policy, which allows to create any log group, a
        # call that ends late makes even this one anew.
        provider = self.node.find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
        assert isinstance(provider, cdk.CustomResourceProviderBase)
        handler, role = provider.node.find_child("Handler"), provider.node.find_child("Role")
        assert isinstance(handler, cdk.CfnResource)
        assert isinstance(role, cdk.CfnResource)
        logs = log_group(self, "AutoDeleteObjectsLogs", self._settings)
        code = packages("empty_bucket").bind(self).s3_location
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


def _send_events(bucket: s3.Bucket) -> None:
    # Not event_bridge_enabled of the construct: that is a custom resource with a function.
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )


def _acknowledge_what_is_left_out(bucket: s3.Bucket) -> None:
    acknowledge(
        bucket,
        "AwsSolutions-S1",
        "NIST.800.53.R5-S3BucketLoggingEnabled",
        reason="Roles of these stacks are its only users, and CloudTrail's data events can record "
        "them. Access logs would need one more bucket, and still arrive when it is to go.",
    )
    acknowledge(
        bucket,
        "NIST.800.53.R5-S3BucketVersioningEnabled",
        reason="No key is written twice: datasets are named by their digest, models by their job, "
        "captures by their time. A second version would only keep what was meant to expire.",
    )
    acknowledge(
        bucket,
        "NIST.800.53.R5-S3BucketReplicationEnabled",
        reason="What is lost can be made again, pictures from the public archive and models from "
        "the pictures; captures are samples that expire.",
    )


def _acknowledge_the_key_of_s3(bucket: s3.Bucket) -> None:
    acknowledge(
        bucket,
        "NIST.800.53.R5-S3DefaultEncryptionKMS",
        reason="Encrypted with S3's own keys, as encryption.customer_managed_key = false asks for.",
    )
