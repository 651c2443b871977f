"""The state machine: serialize -> classify -> filter for each picture, then a Choice to SNS.

States are written in JSONata; the longer expressions are in workflow_expressions.py.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import (
    acknowledge,
    acknowledge_wildcard,
)
from stacks.constructs.common.jsonata_state_machine import JsonataStateMachine
from stacks.constructs.notifications.notification_topic import NotificationTopic
from stacks.constructs.notifications.rejection_report import report_rejections
from stacks.constructs.workflow import workflow_expressions as expressions

# Faults of Lambda, not of a picture.
LAMBDA_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]

# classify_image raises the last one for everything transient at the endpoint.
TRANSIENT_ERRORS = [*LAMBDA_ERRORS, "EndpointUnavailable"]

REJECTION_ERROR = "ConfidenceThresholdNotMet"

# States that each picture ends in; what it ends in is written into the log of the state machine.
VERDICTS = ("Accepted", "Rejected", "Failed")


class ClassificationWorkflow(Construct):
    """Classifies the pictures of one execution; one bad picture never stops the others."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        serialize_image: lambda_.IFunction,
        classify_image: lambda_.IFunction,
        filter_confidence: lambda_.IFunction,
        topic: NotificationTopic,
    ) -> None:
        super().__init__(scope, construct_id)
        read_input = sfn.Pass.jsonata(
            self,
            "Read input",
            comment="Takes a list of images, or one image as the event itself",
            outputs=expressions.READ_INPUT,
        )
        check_input = sfn.Choice.jsonata(self, "Is the input usable?")
        self.functions = {
            "serialize": serialize_image,
            "classify": classify_image,
            "filter": filter_confidence,
        }
        functions = list(self.functions.values())
        classify_images = self._classify_images(settings, functions)
        definition = read_input.next(
            check_input.when(
                sfn.Condition.jsonata(expressions.INPUT_IS_USABLE),
                classify_images.next(
                    report_rejections(
                        self, settings=settings, topic=topic, message=expressions.MESSAGE
                    )
                ),
            ).otherwise(
                sfn.Fail.jsonata(
                    self, "Invalid input", error="InvalidInput", cause=expressions.INVALID_INPUT
                )
            )
        )
        self.state_machine = JsonataStateMachine(
            self,
            "StateMachine",
            settings=settings,
            definition=definition,
            timeout=cdk.Duration.hours(1),
        )
        topic.allow_key(self.state_machine)
        self._acknowledge_calls(functions)

    def _acknowledge_calls(self, functions: list[lambda_.IFunction]) -> None:
        for function in functions:
            acknowledge_wildcard(
                self.state_machine,
                f"{function.function_arn}:*",
                reason="CDK grants the versions of a function along with it; there is one.",
            )
            acknowledge(
                function,
                "NIST.800.53.R5-LambdaDLQ",
                reason="The state machine waits for it, retries and catches; a dead-letter queue "
                "is for calls that nobody waits for.",
            )

    def _classify_images(self, settings: Settings, functions: list[lambda_.IFunction]) -> sfn.Map:
        """The Map: every item ends as accepted, rejected or failed, never as an error."""
        failed = sfn.Pass.jsonata(self, "Failed", outputs=expressions.FAILED)
        names = ("Serialize image", "Classify image", "Filter confidence")
        serialize, classify, filter_ = (
            self._invoke(name, function) for name, function in zip(names, functions, strict=True)
        )
        rejected = sfn.Pass.jsonata(self, "Rejected", outputs=expressions.REJECTED)
        if settings.workflow.rejection_style == "raise":
            filter_.add_catch(
                rejected, errors=[REJECTION_ERROR], outputs=expressions.CAUGHT_REJECTION
            )
        for task in (serialize, classify, filter_):
            task.add_catch(failed, outputs=expressions.CAUGHT)
        verdict = (
            sfn.Choice.jsonata(self, "Confident enough?")
            .when(
                sfn.Condition.jsonata("{% $states.input.statusCode = 200 %}"),
                sfn.Pass.jsonata(self, "Accepted", outputs=expressions.ACCEPTED),
            )
            .otherwise(rejected)
        )
        images = sfn.Map.jsonata(
            self,
            "Classify images",
            items=sfn.ProvideItems.jsonata("{% $states.input.images %}"),
            max_concurrency=settings.workflow.max_concurrency,
            outputs=expressions.RESULTS,
        )
        images.item_processor(serialize.next(classify).next(filter_).next(verdict))
        return images

    def _invoke(self, name: str, function: lambda_.IFunction) -> tasks.LambdaInvoke:
        # Each function takes the body of the one before; the filter's whole answer is the result.
        is_last = name == "Filter confidence"
        task = tasks.LambdaInvoke.jsonata(
            self,
            name,
            lambda_function=function,
            payload=sfn.TaskInput.from_text("{% $states.input %}"),
            outputs="{% $states.result.Payload %}"
            if is_last
            else "{% $states.result.Payload.body %}",
            retry_on_service_exceptions=False,  # in TRANSIENT_ERRORS, with jitter
        )
        task.add_retry(
            errors=TRANSIENT_ERRORS,
            interval=cdk.Duration.seconds(1),
            max_attempts=5,
            backoff_rate=2,
            max_delay=cdk.Duration.seconds(20),
            jitter_strategy=sfn.JitterType.FULL,
        )
        return task
