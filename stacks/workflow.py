"""Three Lambdas, the Map state machine and the SNS topic."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.classification_workflow import ClassificationWorkflow
from stacks.constructs.notification_topic import NotificationTopic
from stacks.constructs.python_function import PythonFunction


class WorkflowStack(cdk.Stack):
    """Runs pictures through the endpoint and tells of those that were not accepted."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: state machine that classifies pictures",
        )
        self._settings = settings
        topic = NotificationTopic(self, "Notifications", settings=settings)
        workflow = ClassificationWorkflow(
            self,
            "Classification",
            settings=settings,
            serialize_image=self._serialize_image(data_bucket),
            classify_image=self._classify_image(),
            filter_confidence=self._filter_confidence(),
            topic=topic,
        )
        cdk.CfnOutput(self, "StateMachineArn", value=workflow.state_machine.state_machine_arn)
        cdk.CfnOutput(self, "TopicArn", value=topic.topic_arn)

    def _serialize_image(self, data_bucket: s3.IBucket) -> PythonFunction:
        function = PythonFunction(
            self,
            "SerializeImage",
            settings=self._settings,
            folder="serialize_image",
            timeout=cdk.Duration.seconds(15),
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[data_bucket.arn_for_objects("*")]
            )
        )
        # Lets S3 answer 404 instead of 403 for a key that is not there.
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[data_bucket.bucket_arn])
        )
        return function

    def _classify_image(self) -> PythonFunction:
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
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["sagemaker:InvokeEndpoint"], resources=[endpoint_arn])
        )
        return function

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
