"""The states that run a SageMaker transform job, and wait for one that they lost.

A state that times out is not documented to stop its job, and the response of CreateTransformJob may
be lost. In both cases `follow_job` finds the job by its name, stops it if it is overdue, and waits
for it: only once it has ended are its results complete and its costs final.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.common.conventions import tag_list
from stacks.constructs.common.grants import allow, arn
from stacks.constructs.common.state_machine import call_api
from stacks.constructs.common.storage import allow_volumes, volume_key

# Time for a job to end once it is stopped.
STOP_MINUTES = 30

# Each poll adds nine events to a history of at most 25,000.
POLL_SECONDS = 30
MOST_POLLS = 1000

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

    def __init__(self, scope: Construct, *, settings: Settings, key: kms.IKey | None) -> None:
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
        self.jobs_arn = arn(self, "sagemaker", f"transform-job/{settings.resource_prefix}-*")

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
        rule = arn(self, "events", "rule/StepFunctionsGetEventsForSageMakerTransformJobsRule")
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


def follow_job(
    scope: Construct, *, max_runtime_minutes: int, jobs_arn: str, ended: sfn.IChainable
) -> sfn.IChainable:
    """Return the first state, for the variables `run` and those of `expressions.caught`.

    The states lead to `ended`, or to a failure with the caught error if there is no job.
    """
    describe = _call(
        scope,
        "Describe job",
        "DescribeTransformJob",
        jobs_arn,
        outputs=expressions.described(max_runtime_minutes),
        assign=expressions.SEEN,
    )
    stop = _call(scope, "Stop job", "StopTransformJob", jobs_arn)
    wait = sfn.Wait.jsonata(
        scope, "Wait for the job", time=sfn.WaitTime.duration(_poll_interval(max_runtime_minutes))
    )
    # The job may have ended just before, which the next poll shows.
    stop.add_catch(wait, errors=["States.ALL"])
    no_job = sfn.Fail.jsonata(
        scope, "No job", error=expressions.ERROR_OF_STATE, cause=expressions.CAUSE_OF_STATE
    )
    describe.add_catch(
        sfn.Choice.jsonata(scope, "Is there a job?")
        .when(sfn.Condition.jsonata(expressions.IS_THERE), wait)
        .otherwise(no_job),
        errors=["States.ALL"],
    )
    describe.next(
        sfn.Choice.jsonata(scope, "Has the job ended?")
        .when(sfn.Condition.jsonata(expressions.HAS_ENDED), ended)
        .when(sfn.Condition.jsonata(expressions.IS_OVERDUE), stop.next(wait))
        .otherwise(wait)
    )
    wait.next(describe)
    return describe


def _call(
    scope: Construct, name: str, action: str, jobs_arn: str, **fields: Any
) -> tasks.CallAwsService:
    job = {"TransformJobName": expressions.OF_RUN}
    return call_api(scope, name, f"sagemaker:{action}", job, on=jobs_arn, **fields)


def _poll_interval(max_runtime_minutes: int) -> cdk.Duration:
    return cdk.Duration.seconds(max(POLL_SECONDS, max_runtime_minutes * 60 // MOST_POLLS))
