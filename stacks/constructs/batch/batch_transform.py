"""The state machine of the batch transform: manifest in S3 -> transform job -> predictions."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.batch.transform_job import (
    QUOTA_WAIT_MINUTES,
    STOP_MINUTES,
    TransformTask,
    follow_job,
)
from stacks.constructs.common.conventions import published
from stacks.constructs.common.grants import allow_keys, allow_listing
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.state_machine import LambdaTask, call_api, start_by_event
from stacks.constructs.common.storage import Storage, allow_writing
from stacks.constructs.notifications import ReportingStateMachine, TopicPublisher
from stacks.s3_layout import BATCH_INPUT, BATCH_OUTPUT

FUNCTION_MINUTES = 15  # Lambda's maximum


class BatchTransform(ReportingStateMachine):
    """Classifies the pictures of each manifest that is put below `batch/input/`."""

    def __init__(
        self, scope: Construct, *, settings: Settings, storage: Storage, publisher: TopicPublisher
    ) -> None:
        super().__init__(scope, "BatchTransform", settings=settings, publisher=publisher)
        self._data_bucket, self._key = storage.data, storage.key
        self._transform = TransformTask(self, settings=settings, key=storage.key)
        self.input_uri = storage.data.s3_url_for_object(f"{BATCH_INPUT.path}/")
        self.functions = {
            "manifest": self._check_manifest_function(),
            "predictions": self._write_predictions_function(),
        }
        self._create(
            self._definition(),
            timeout=cdk.Duration.minutes(
                settings.batch_transform.max_runtime_minutes
                + STOP_MINUTES
                + QUOTA_WAIT_MINUTES
                + 3 * FUNCTION_MINUTES
            ),
        )
        self._transform.allow_jobs(self.state_machine)
        self.manifest_rule = start_by_event(
            self.state_machine,
            self,
            "ManifestRule",
            source="aws.s3",
            detail_type="Object Created",
            detail={
                "bucket": {"name": [storage.data.bucket_name]},
                "object": {"key": [{"prefix": f"{BATCH_INPUT.path}/"}]},
            },
        )

    def _definition(self) -> sfn.IChainable:
        read_event = sfn.Pass.jsonata(
            self,
            "Read event",
            outputs=expressions.read_event(
                self._settings.resource_prefix, self._data_bucket.bucket_name
            ),
        )
        check = self._invoke("Check manifest", "manifest", outputs=expressions.WITH_CHECKED)
        check.add_catch(
            sfn.Fail.jsonata(
                self, "Invalid manifest", error="InvalidManifest", cause=expressions.CAUSE
            ),
            errors=["InvalidManifest"],
            outputs=expressions.INVALID_MANIFEST,
        )
        write = self._invoke(
            "Write predictions", "predictions", outputs="{% $states.result.Payload %}"
        )
        write.next(self._report(expressions.LOCATION))
        check.next(
            sfn.Choice.jsonata(self, "Any usable picture?")
            .when(
                sfn.Condition.jsonata(expressions.IS_DUPLICATE),
                sfn.Succeed.jsonata(self, "Another execution has this event"),
            )
            .when(
                sfn.Condition.jsonata(expressions.ANY_USABLE),
                self._read_model_name().next(self._run_job(write)).next(write),
            )
            .otherwise(write)
        )
        return read_event.next(
            sfn.Choice.jsonata(self, "Is it a manifest?")
            .when(sfn.Condition.jsonata(expressions.HAS_PROBLEM), self._invalid_input())
            .when(
                sfn.Condition.jsonata(expressions.IS_FOLDER),
                sfn.Succeed.jsonata(self, "Nothing to do"),
            )
            .otherwise(check)
        )

    def _invoke(self, name: str, function: str, *, outputs: str) -> LambdaTask:
        return LambdaTask(
            self,
            name,
            function=self.functions[function],
            outputs=outputs,
            interval=cdk.Duration.seconds(2),
            max_attempts=6,
        )

    def _read_model_name(self) -> tasks.CallAwsService:
        # When a job starts, not at deployment: the model may have been replaced since.
        name = self._settings.model_name_parameter
        parameter = ssm.StringParameter.from_string_parameter_name(self, "ModelName", name)
        return call_api(
            self,
            "Read model name",
            "ssm:GetParameter",
            {"Name": name},
            on=parameter.parameter_arn,
            outputs=expressions.WITH_MODEL,
            # A Catch of a CustomState loses the state's input: CDK writes no Output for it.
            assign={"run": expressions.WITH_MODEL},
        )

    def _run_job(self, write: sfn.IChainable) -> TransformTask:
        """Return the transform job. If it fails, the results of its other pictures are written."""
        minutes = self._settings.batch_transform.max_runtime_minutes
        self._transform.add_catch(
            follow_job(
                self,
                max_runtime_minutes=minutes,
                jobs_arn=self._transform.jobs_arn,
                ended=write,
            ),
            errors=["States.TaskFailed", "States.Timeout"],
            assign=expressions.caught(QUOTA_WAIT_MINUTES + minutes),
        )
        return self._transform

    def _check_manifest_function(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "CheckManifest",
            settings=self._settings,
            folder="check_manifest",
            timeout=cdk.Duration.minutes(FUNCTION_MINUTES),
            memory_size=1024,
        )
        data = self._data_bucket
        allow_keys(function, "s3:GetObject", bucket=data, folder=BATCH_INPUT)
        self._allow_output(function, "s3:PutObject")
        allow_keys(function, "s3:GetObject", bucket=data, folder=BATCH_OUTPUT, name="/execution")
        return function

    def _write_predictions_function(self) -> PythonFunction:
        settings = self._settings
        function = PythonFunction(
            self,
            "WritePredictions",
            settings=settings,
            folder="write_predictions",
            environment={
                "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
                "CLASSES": published(self, settings.model_classes_parameter),
            },
            timeout=cdk.Duration.minutes(FUNCTION_MINUTES),
            memory_size=1769,  # one processor; reading takes longer with less
        )
        # A multipart upload is aborted if a part fails.
        self._allow_output(function, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        return function

    def _allow_output(self, function: PythonFunction, *actions: str) -> None:
        allow_keys(function, *actions, bucket=self._data_bucket, folder=BATCH_OUTPUT)
        allow_listing(function, self._data_bucket)
        allow_writing(function, self._key)
