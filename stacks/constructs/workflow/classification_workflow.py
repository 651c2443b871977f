"""The state machine: serialize -> classify -> filter for each picture, then a Choice to SNS.

States are written in JSONata: picture_results.py has what becomes of a picture,
workflow_expressions.py what is said of all of them.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.jsonata_state_machine import JsonataStateMachine
from stacks.constructs.common.lambda_task import THROTTLED, LambdaTask, acknowledge_calls
from stacks.constructs.notifications.rejection_report import report_rejections
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow import picture_results as results
from stacks.constructs.workflow import workflow_expressions as expressions

# classify_image raises it for everything transient at the endpoint.
ENDPOINT_ERROR = "EndpointUnavailable"

# Throttling, of Lambda or of the endpoint, passes when other pictures are through: it is worth
# long waits. How many, and how often other faults are tried again, is bounded by the 25,000 events
# of an execution's history. A picture takes 2 events for its iteration of the Map, 2 for each state
# that it enters, and 3 for each call. With 13 calls and the fourth state of a failed picture, these
# are 2 + 4 * 2 + 13 * 3 = 49, and for 500 pictures 24,500; all other states take fewer than 50.
# Thirteen calls are three first ones, seven repeated for throttling, and three for other faults.
# Most of the patience is where a picture waits for its turn, before the first call.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (execution history)
RETRIES_OF_THROTTLED = {"Serialize image": 3, "Classify image": 2, "Filter confidence": 2}
OTHER_RETRIES = 1
FIRST_WAIT, WAITS_GROW_BY, LONGEST_WAIT = cdk.Duration.seconds(20), 4, cdk.Duration.seconds(80)

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
                        self,
                        settings=settings,
                        publisher=publisher,
                        message=expressions.MESSAGE_BEFORE_FAILURE
                        if settings.workflow.on_rejection == "fail"
                        else expressions.MESSAGE,
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
            # A last resort: every call and every wait ends by itself.
            timeout=cdk.Duration.days(1),
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
            self._invoke("Classify image", functions[1], errors=[THROTTLED, ENDPOINT_ERROR]),
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
        errors: Sequence[str] = (THROTTLED,),
    ) -> LambdaTask:
        # Each function takes the body of the one before.
        return LambdaTask(
            self,
            name,
            function=function,
            outputs=outputs,
            errors=errors,
            interval=FIRST_WAIT,
            max_attempts=RETRIES_OF_THROTTLED[name],
            backoff_rate=WAITS_GROW_BY,
            max_delay=LONGEST_WAIT,
            other_attempts=OTHER_RETRIES,
        )
