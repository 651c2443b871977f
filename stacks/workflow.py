"""The functions that classify a picture, the state machine that calls them, and the topic."""

from dataclasses import dataclass

import aws_cdk as cdk
from constructs import Construct

from settings import Settings
from stacks.constructs.common.conventions import Env, EnvironmentStack, published
from stacks.constructs.common.grants import allow_endpoint, allow_keys, allow_listing
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.state_machine import PicturePath
from stacks.constructs.common.storage import Storage, allow_reading
from stacks.constructs.notifications import (
    EventNotice,
    NotificationTopic,
    TopicPublisher,
    notice_of_alarm,
    notice_of_dead_execution,
)
from stacks.constructs.workflow import ClassificationWorkflow, VerdictMetrics
from stacks.s3_layout import PICTURES


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """The workflow as the monitoring stack watches it."""

    path: PicturePath
    verdicts: VerdictMetrics
    notices: tuple[EventNotice, ...]


class WorkflowStack(EnvironmentStack):
    """Classifies pictures through the endpoint and reports those that were not accepted."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: Storage, env: Env) -> None:
        description = "state machine that classifies pictures"
        super().__init__(
            scope, settings=settings, name="Workflow", description=description, env=env
        )
        topic = NotificationTopic(self, settings=settings, key=storage.key)
        # For the batch stack (TopicPublisher.of_other_stack).
        self._publish("TopicParameter", settings.topic_parameter, topic.topic_arn)
        publisher = TopicPublisher(topic, settings, storage.key)
        filter_confidence = self._filter_confidence(settings)
        classification = ClassificationWorkflow(
            self,
            settings=settings,
            publisher=publisher,
            serialize_image=self._serialize_image(settings, storage),
            classify_image=self._classify_image(settings, storage),
            filter_confidence=filter_confidence,
        )
        raises = settings.workflow.rejection_style == "raise"
        state_machine = classification.state_machine
        self.workflow = Workflow(
            path=PicturePath(
                title="Workflow",
                state_machine=state_machine,
                functions=classification.functions,
                tolerant=frozenset(classification.functions),
                # A filter that raises its rejections fails by design.
                not_watched=frozenset({"filter"} if raises else ()),
                less_at_a_time="Lower workflow.max_concurrency, start fewer executions at a time",
            ),
            # In this stack: a log group that another stack imports can never be replaced, because
            # CloudFormation refuses to change an export in use.
            verdicts=VerdictMetrics(self, settings=settings, workflow=classification),
            notices=(
                notice_of_dead_execution(self, settings, publisher, [state_machine]),
                notice_of_alarm(self, settings, publisher),
            ),
        )
        cdk.CfnOutput(self, "StateMachineArn", value=state_machine.state_machine_arn)
        cdk.CfnOutput(self, "TopicArn", value=topic.topic_arn)
        # The report reads the deployed threshold from its environment variables.
        cdk.CfnOutput(self, "FilterConfidenceName", value=filter_confidence.function_name)

    def _serialize_image(self, settings: Settings, storage: Storage) -> PythonFunction:
        function = PythonFunction(
            self,
            "SerializeImage",
            settings=settings,
            folder="serialize_image",
            timeout=cdk.Duration.seconds(15),
        )
        _allow_pictures(function, storage)
        return function

    def _classify_image(self, settings: Settings, storage: Storage) -> PythonFunction:
        function = PythonFunction(
            self,
            "ClassifyImage",
            settings=settings,
            folder="classify_image",
            environment={"ENDPOINT_NAME": settings.endpoint_name},
            timeout=cdk.Duration.seconds(90),
        )
        allow_endpoint(function, settings)
        _allow_pictures(function, storage)
        return function

    def _filter_confidence(self, settings: Settings) -> PythonFunction:
        return PythonFunction(
            self,
            "FilterConfidence",
            settings=settings,
            folder="filter_confidence",
            environment={
                "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
                "REJECTION_STYLE": settings.workflow.rejection_style,
                # From the trained model, not from the settings: the names travel with the data.
                "CLASSES": published(self, settings.model_classes_parameter),
            },
            timeout=cdk.Duration.seconds(10),
        )


def _allow_pictures(function: PythonFunction, storage: Storage) -> None:
    allow_keys(function, "s3:GetObject", bucket=storage.data, folder=PICTURES)
    allow_listing(function, storage.data)
    allow_reading(function, storage.key)
