"""The state machine of the batch transform: a manifest in S3 -> transform job -> predictions."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.batch.transform_job_end import STOP_MINUTES, follow_job
from stacks.constructs.batch.transform_task import QUOTA_WAIT_MINUTES, TransformTask
from stacks.constructs.common.encryption_key import allow_writing
from stacks.constructs.common.grants import allow
from stacks.constructs.common.jsonata_state_machine import JsonataStateMachine, retry_any_error
from stacks.constructs.common.lambda_task import LambdaTask, acknowledge_calls
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.notifications.rejection_report import report_rejections
from stacks.constructs.notifications.topic_publisher import TopicPublisher

FUNCTION_MINUTES = 15  # the most there are


class BatchTransform(Construct):
    """Classifies the pictures of each manifest that is put below `batch/input/`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        publisher: TopicPublisher,
        encryption_key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._data_bucket = data_bucket
        self._encryption_key = encryption_key
        self._transform = TransformTask(
            self, "Transform", settings=settings, encryption_key=encryption_key
        )
        self.input_uri = data_bucket.s3_url_for_object(f"{expressions.INPUT}/")
        self.functions = {
            "manifest": self._check_manifest_function(),
            "predictions": self._write_predictions_function(),
        }
        self.state_machine = JsonataStateMachine(
            self,
            "StateMachine",
            settings=settings,
            definition=self._definition(publisher),
            timeout=cdk.Duration.minutes(
                settings.batch_transform.max_runtime_minutes
                + STOP_MINUTES
                + QUOTA_WAIT_MINUTES
                + 3 * FUNCTION_MINUTES
            ),
        )
        publisher.allow_key(self.state_machine)
        self._transform.allow_jobs(self.state_machine)
        acknowledge_calls(self.state_machine, self.functions.values())
        self._start_by_manifest()

    # --- states ----------------------------------------------------------------------------------

    def _definition(self, publisher: TopicPublisher) -> sfn.IChainable:
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
        write.next(
            report_rejections(
                self, settings=self._settings, publisher=publisher, message=expressions.MESSAGE
            )
        )
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
            .when(
                sfn.Condition.jsonata(expressions.HAS_PROBLEM),
                sfn.Fail.jsonata(
                    self, "Invalid input", error="InvalidInput", cause=expressions.PROBLEM
                ),
            )
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
        state = tasks.CallAwsService.jsonata(
            self,
            "Read model name",
            service="ssm",
            action="getParameter",
            parameters={"Name": name},
            iam_action="ssm:GetParameter",
            iam_resources=[parameter.parameter_arn],
            outputs=expressions.WITH_MODEL,
            # A Catch of a CustomState loses the state's input: CDK writes no Output for it.
            assign={"run": expressions.WITH_MODEL},
        )
        retry_any_error(state)
        return state

    def _run_job(self, write: sfn.IChainable) -> TransformTask:
        """Return the transform job. One that fails has results: those of its other pictures."""
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

    # --- functions -------------------------------------------------------------------------------

    def _check_manifest_function(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "CheckManifest",
            settings=self._settings,
            folder="check_manifest",
            timeout=cdk.Duration.minutes(FUNCTION_MINUTES),
            memory_size=1024,
        )
        allow(
            function,
            "s3:GetObject",
            on=self._data_bucket.arn_for_objects(f"{expressions.INPUT}/*"),
            why_wildcard="A manifest may have any name there.",
        )
        self._allow_output(function, "s3:PutObject")
        allow(
            function,
            "s3:GetObject",
            on=self._data_bucket.arn_for_objects(f"{expressions.OUTPUT}/*/execution"),
            why_wildcard="Each transform job has a folder of its own there.",
        )
        return function

    def _write_predictions_function(self) -> PythonFunction:
        settings = self._settings
        function = PythonFunction(
            self,
            "WritePredictions",
            settings=settings,
            folder="write_predictions",
            imports=("filter_confidence",),
            environment={
                "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
                "REJECTION_STYLE": "status",  # each becomes a line of the predictions
                "CLASSES": ssm.StringParameter.value_for_string_parameter(
                    self, settings.model_classes_parameter
                ),
            },
            timeout=cdk.Duration.minutes(FUNCTION_MINUTES),
            memory_size=1769,  # one processor; with less the reading takes longer
        )
        # An upload of several parts is given up if one of them fails.
        self._allow_output(function, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
        return function

    # --- grants ----------------------------------------------------------------------------------

    def _allow_output(self, function: PythonFunction, *actions: str) -> None:
        allow(
            function,
            *actions,
            on=self._data_bucket.arn_for_objects(f"{expressions.OUTPUT}/*"),
            why_wildcard="Each transform job has a folder of its own there.",
        )
        # Also lets S3 answer 404 instead of 403 for what is not there.
        allow(function, "s3:ListBucket", on=self._data_bucket.bucket_arn)
        allow_writing(function, self._encryption_key)

    # --- event -----------------------------------------------------------------------------------

    def _start_by_manifest(self) -> None:
        self.manifest_rule = events.Rule(
            self,
            "ManifestRule",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._data_bucket.bucket_name]},
                    "object": {"key": [{"prefix": f"{expressions.INPUT}/"}]},
                },
            ),
        )
        self.manifest_rule.add_target(
            targets.SfnStateMachine(
                self.state_machine, input=events.RuleTargetInput.from_event_path("$.detail")
            )
        )
