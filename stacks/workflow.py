"""Three Lambdas, the Map state machine and the SNS topic."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.encryption_key import allow_reading
from stacks.constructs.common.grants import allow
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.monitoring.verdict_metrics import VerdictMetrics
from stacks.constructs.notifications.alarm_notice import AlarmNotice
from stacks.constructs.notifications.dead_execution_notice import DeadExecutionNotice
from stacks.constructs.notifications.notification_topic import NotificationTopic
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow


class WorkflowStack(cdk.Stack):
    """Runs pictures through the endpoint and tells of those that were not accepted."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: state machine that classifies pictures",
        )
        self._settings = settings
        topic = NotificationTopic(
            self, "Notifications", settings=settings, encryption_key=encryption_key
        )
        # For the batch stack (topic_publisher.py).
        ssm.StringParameter(
            self,
            "TopicParameter",
            parameter_name=settings.topic_parameter,
            string_value=topic.topic_arn,
        )
        publisher = TopicPublisher(topic, settings=settings, encryption_key=encryption_key)
        filter_confidence = self._filter_confidence()
        self.classification = ClassificationWorkflow(
            self,
            "Classification",
            settings=settings,
            serialize_image=self._serialize_image(data_bucket, encryption_key),
            classify_image=self._classify_image(data_bucket, encryption_key),
            filter_confidence=filter_confidence,
            publisher=publisher,
        )
        # Here and not in the monitoring stack: a log group that another stack imports can never be
        # replaced, as CloudFormation refuses to change an export in use.
        self.verdicts = VerdictMetrics(
            self, "Verdicts", settings=settings, workflow=self.classification
        )
        state_machine = self.classification.state_machine
        self.notices = [
            DeadExecutionNotice(
                self,
                "NoticeOfDeadExecution",
                settings=settings,
                publisher=publisher,
                state_machines=[state_machine],
            ),
            AlarmNotice(self, "NoticeOfAlarm", settings=settings, publisher=publisher),
        ]
        cdk.CfnOutput(self, "StateMachineArn", value=state_machine.state_machine_arn)
        cdk.CfnOutput(self, "TopicArn", value=topic.topic_arn)
        # The report reads the threshold that is deployed from its environment variables.
        cdk.CfnOutput(self, "FilterConfidenceName", value=filter_confidence.function_name)

    def _serialize_image(
        self, data_bucket: s3.IBucket, encryption_key: kms.IKey | None
    ) -> PythonFunction:
        function = PythonFunction(
            self,
            "SerializeImage",
            settings=self._settings,
            folder="serialize_image",
            timeout=cdk.Duration.seconds(15),
        )
        self._allow_reading_pictures(function, data_bucket, encryption_key)
        return function

    def _classify_image(
        self, data_bucket: s3.IBucket, encryption_key: kms.IKey | None
    ) -> PythonFunction:
        function = PythonFunction(
            self,
            "ClassifyImage",
            settings=self._settings,
            folder="classify_image",
            environment={"ENDPOINT_NAME": self._settings.endpoint_name},
            timeout=cdk.Duration.seconds(90),
        )
        endpoint_arn = self.format_arn(
            service="sagemaker", resource="endpoint", resource_name=self._settings.endpoint_name
        )
        allow(function, "sagemaker:InvokeEndpoint", on=endpoint_arn)
        self._allow_reading_pictures(function, data_bucket, encryption_key)
        return function

    def _allow_reading_pictures(
        self,
        function: PythonFunction,
        data_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
    ) -> None:
        allow(
            function,
            "s3:GetObject",
            on=data_bucket.arn_for_objects("*"),
            why_wildcard="Any picture of the data bucket may be classified.",
        )
        # Lets S3 answer 404 instead of 403 for a key that is not there.
        allow(function, "s3:ListBucket", on=data_bucket.bucket_arn)
        allow_reading(function, encryption_key)

    def _filter_confidence(self) -> PythonFunction:
        return PythonFunction(
            self,
            "FilterConfidence",
            settings=self._settings,
            folder="filter_confidence",
            environment={
                "CONFIDENCE_THRESHOLD": str(self._settings.workflow.confidence_threshold),
                "REJECTION_STYLE": self._settings.workflow.rejection_style,
                # From the trained model, not from the settings: the names travel with the data.
                "CLASSES": ssm.StringParameter.value_for_string_parameter(
                    self, self._settings.model_classes_parameter
                ),
            },
            timeout=cdk.Duration.seconds(10),
        )
