"""The state machine: serialize -> classify -> filter for each picture, then a Choice to SNS.

States are written in JSONata: picture_results.py has what becomes of a picture,
workflow_expressions.py what is said of all of them.
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
from stacks.constructs.workflow import picture_results as results
from stacks.constructs.workflow import workflow_expressions as expressions

# classify_image raises the last one for everything transient at the endpoint.
TRANSIENT_ERRORS = [*LAMBDA_ERRORS, "EndpointUnavailable"]
FIRST_RETRY, LONGEST_RETRY = cdk.Duration.seconds(1), cdk.Duration.seconds(20)

REJECTION_ERROR = "ConfidenceThresholdNotMet"

# The state that failed pictures end in; the log of the state machine names it.
FAILED = "Failed"


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
        filter_confidence: lambda_.Function,
        publisher: TopicPublisher,
    ) -> None:
        super().__init__(scope, construct_id)
        read_input = sfn.Pass.jsonata(
            self,
            "Read input",
            comment="Takes a list of images, or one image as the event itself",
            outputs=results.read_input(len(settings.dataset.classes)),
        )
        check_input = sfn.Choice.jsonata(self, "Is the input usable?")
        self.functions = {
            "serialize": serialize_image,
            "classify": classify_image,
            "filter": filter_confidence,
        }
        self.verdict_log = filter_confidence.log_group
        functions = list(self.functions.values())
        classify_images = self._classify_images(settings, functions)
        definition = read_input.next(
            check_input.when(
                sfn.Condition.jsonata(results.INPUT_IS_USABLE),
                classify_images.next(
                    report_rejections(
                        self, settings=settings, publisher=publisher, message=expressions.MESSAGE
                    )
                ),
            ).otherwise(
                sfn.Fail.jsonata(self, "Invalid input", error="InvalidInput", cause=results.PROBLEM)
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
        """The Map: every item ends as accepted, rejected or failed, never as an error.

        Step Functions bills each state that is entered, so a picture that is not in trouble enters
        the three tasks only.
        """
        classes = len(settings.dataset.classes)
        tasks = (
            self._invoke("Serialize image", functions[0]),
            self._invoke("Classify image", functions[1]),
            self._invoke("Filter confidence", functions[2], outputs=results.judged(classes)),
        )
        serialize, classify, filter_ = tasks
        if settings.workflow.rejection_style == "raise":
            filter_.add_catch(
                sfn.Pass.jsonata(self, "Rejected"),
                errors=[REJECTION_ERROR],
                outputs=results.raised(classes),
            )
        failed = sfn.Pass.jsonata(self, FAILED)
        for task in tasks:
            task.add_catch(failed, outputs=results.FAILED)
        images = sfn.Map.jsonata(
            self,
            "Classify images",
            items=sfn.ProvideItems.jsonata("{% $states.input.images %}"),
            max_concurrency=settings.workflow.max_concurrency,
            outputs=results.RESULTS,
        )
        images.item_processor(serialize.next(classify).next(filter_))
        return images

    def _invoke(
        self,
        name: str,
        function: lambda_.IFunction,
        *,
        outputs: str = "{% $states.result.Payload.body %}",
    ) -> LambdaTask:
        # Each function takes the body of the one before.
        return LambdaTask(
            self,
            name,
            function=function,
            outputs=outputs,
            errors=TRANSIENT_ERRORS,
            interval=FIRST_RETRY,
            max_attempts=5,
            max_delay=LONGEST_RETRY,
        )
