"""The state that runs a SageMaker transform job and waits until it ends."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.common.conventions import tag_list
from stacks.constructs.common.grants import allow
from stacks.constructs.common.storage import allow_volumes, volume_key

# Another job may use all instances of the quota.
QUOTA_RETRY_MINUTES = 5
QUOTA_RETRIES = 12
QUOTA_WAIT_MINUTES = QUOTA_RETRIES * QUOTA_RETRY_MINUTES

# The request may not have reached SageMaker, or its response not Step Functions. Most errors have
# the first name.
REQUEST_FAILED = [
    "SageMaker.AmazonSageMakerException",
    "SageMaker.SdkClientException",
    "SageMaker.ThrottlingException",
    "ThrottlingException",
]

MAX_PAYLOAD_MB = 6  # as MAX_IMAGE_BYTES in lambda_src/shared/picture_steps.py


class TransformTask(sfn.CustomState):
    """Takes `job`, `model`, `bucket` and `output`, and passes its input on.

    Not CDK's SageMakerCreateTransformJob, which grants any transform job of the account.
    """

    def __init__(self, scope: Construct, settings: Settings, key: kms.IKey | None) -> None:
        self._key = key
        self._volume_key = volume_key(key, settings.batch_transform.instance_type)
        super().__init__(
            scope,
            "Transform",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Aws.PARTITION}:states:::sagemaker:createTransformJob.sync",
                "Arguments": self._request(settings),
                "TimeoutSeconds": settings.batch_transform.max_runtime_minutes * 60,
                "Output": expressions.AS_BEFORE,
            },
        )
        self.add_retry(
            errors=["SageMaker.ResourceLimitExceededException"],
            interval=cdk.Duration.minutes(QUOTA_RETRY_MINUTES),
            max_attempts=QUOTA_RETRIES,
            backoff_rate=1,
        )
        # Safe even if the request got through: SageMaker refuses a second job of the name, and the
        # first is then found by it. A job that failed or timed out is not retried.
        self.add_retry(
            errors=REQUEST_FAILED,
            interval=cdk.Duration.seconds(5),
            max_attempts=3,
            backoff_rate=2,
            jitter_strategy=sfn.JitterType.FULL,
        )
        self.jobs_arn = cdk.Stack.of(self).format_arn(
            service="sagemaker",
            resource="transform-job",
            resource_name=f"{settings.resource_prefix}-*",
        )

    def allow_jobs(self, state_machine: sfn.StateMachine) -> None:
        """Allow the state machine to run the environment's jobs and wait for them.

        https://docs.aws.amazon.com/step-functions/latest/dg/sagemaker-iam.html
        """
        allow(
            state_machine,
            "sagemaker:CreateTransformJob",
            "sagemaker:DescribeTransformJob",
            "sagemaker:StopTransformJob",
            "sagemaker:AddTags",
            "sagemaker:ListTags",
            on=self.jobs_arn,
            why_wildcard="A job's name ends in the hash of its event.",
        )
        # Step Functions learns from this rule that the job has ended.
        rule = cdk.Stack.of(self).format_arn(
            service="events",
            resource="rule",
            resource_name="StepFunctionsGetEventsForSageMakerTransformJobsRule",
        )
        allow(state_machine, "events:DescribeRule", "events:PutRule", "events:PutTargets", on=rule)
        # SageMaker creates the volumes with the permissions of the caller.
        allow_volumes(state_machine, self._volume_key)

    def _request(self, settings: Settings) -> dict[str, Any]:
        batch = settings.batch_transform
        key, key_of_volumes = self._key, self._volume_key
        return {
            "TransformJobName": expressions.JOB,
            "ModelName": expressions.MODEL,
            "BatchStrategy": "SingleRecord",
            "MaxPayloadInMB": MAX_PAYLOAD_MB,
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "ManifestFile",
                        "S3Uri": expressions.MANIFEST,
                    }
                },
                "ContentType": "application/x-image",
                "CompressionType": "None",
                "SplitType": "None",
            },
            "TransformOutput": {
                "S3OutputPath": expressions.RAW_OUTPUT,
                "Accept": "application/jsonlines",
                "AssembleWith": "None",
                **({"KmsKeyId": key.key_arn} if key else {}),
            },
            "TransformResources": {
                "InstanceType": batch.instance_type,
                "InstanceCount": batch.instance_count,
                **({"VolumeKmsKeyId": key_of_volumes.key_arn} if key_of_volumes else {}),
            },
            "Tags": tag_list(settings),
        }
