"""The state machine: serialize -> classify -> filter for each picture, then a Choice to SNS.

States are written in JSONata; the longer expressions are in workflow_expressions.py.
"""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.jsonata_state_machine import JsonataStateMachine
from stacks.constructs.common.lambda_task import LAMBDA_ERRORS, LambdaTask, acknowledge_calls
from stacks.constructs.notifications.rejection_report import report_rejections
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow import workflow_expressions as expressions

# classify_image raises the last one for everything transient at the endpoint.
TRANSIENT_ERRORS = [*LAMBDA_ERRORS, "EndpointUnavailable"]
FIRST_RETRY, LONGEST_RETRY = cdk.Duration.seconds(1), cdk.Duration.seconds(20)

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
        publisher: TopicPublisher,
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
                        self, settings=settings, publisher=publisher, message=expressions.MESSAGE
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
        publisher.allow_key(self.state_machine)
        acknowledge_calls(self.state_machine, functions)

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

    def _invoke(self, name: str, function: lambda_.IFunction) -> LambdaTask:
        # Each function takes the body of the one before; the filter's whole answer is the result.
        payload = "$states.result.Payload"
        is_last = name == "Filter confidence"
        return LambdaTask(
            self,
            name,
            function=function,
            outputs=f"{{% {payload} %}}" if is_last else f"{{% {payload}.body %}}",
            errors=TRANSIENT_ERRORS,
            interval=FIRST_RETRY,
            max_attempts=5,
            max_delay=LONGEST_RETRY,
        )
