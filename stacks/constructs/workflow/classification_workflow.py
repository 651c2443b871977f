"""The state machine: serialize -> classify -> filter for each picture, then a Choice to SNS."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common import picture_results as results
from stacks.constructs.common.jsonata import INPUT_IS_USABLE
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.state_machine import THROTTLED, LambdaTask
from stacks.constructs.notifications import (
    IN_HISTORY,
    IN_OUTPUT,
    ReportingStateMachine,
    TopicPublisher,
)

# classify_image raises it for all transient faults of the endpoint.
ENDPOINT_ERROR = "EndpointUnavailable"

# Throttling, of Lambda or of the endpoint, passes when other pictures are done, so it is worth long
# waits. The 25,000 events of an execution's history limit the retries. A picture takes 2 events for
# its iteration of the Map, 2 for each state that it enters, and 3 for each call. With 13 calls and
# the fourth state of a failed picture these are 2 + 4 * 2 + 13 * 3 = 49, and for 500 pictures
# 24,500; all other states take fewer than 50. The 13 calls are three first ones, seven retries of
# throttling, and three of other faults. Most retries are before a picture's first call.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (execution history)
RETRIES_OF_THROTTLED = {"Serialize image": 3, "Classify image": 2, "Filter confidence": 2}
OTHER_RETRIES = 1
FIRST_WAIT, WAITS_GROW_BY, LONGEST_WAIT = cdk.Duration.seconds(20), 4, cdk.Duration.seconds(80)

REJECTION_ERROR = "ConfidenceThresholdNotMet"

# The last state of failed pictures; the log of the state machine names it.
FAILED = "Failed"


class ClassificationWorkflow(ReportingStateMachine):
    """Classifies the pictures of one execution; one bad picture never stops the others."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        publisher: TopicPublisher,
        serialize_image: PythonFunction,
        classify_image: PythonFunction,
        filter_confidence: PythonFunction,
    ) -> None:
        super().__init__(scope, "Classification", settings=settings, publisher=publisher)
        self.functions = {
            "serialize": serialize_image,
            "classify": classify_image,
            "filter": filter_confidence,
        }
        self.verdict_log = filter_confidence.log_group
        read_input = sfn.Pass.jsonata(
            self,
            "Read input",
            comment="Takes a list of images, or one image as the event itself",
            outputs=results.read_input(settings.dataset.classes),
        )
        fails = settings.workflow.on_rejection == "fail"
        report = self._report(IN_HISTORY if fails else IN_OUTPUT)
        self._create(
            read_input.next(
                sfn.Choice.jsonata(self, "Is the input usable?")
                .when(
                    sfn.Condition.jsonata(INPUT_IS_USABLE),
                    self._classify_images(settings).next(report),
                )
                .otherwise(self._invalid_input())
            ),
            # A last resort: every call and every wait ends by itself.
            timeout=cdk.Duration.days(1),
        )

    def _classify_images(self, settings: Settings) -> sfn.Map:
        """Return the Map: every item ends as accepted, rejected or failed, never as an error.

        Step Functions bills each state that is entered, so a healthy picture enters the three tasks
        only.
        """
        classes = settings.dataset.classes
        tasks = (
            self._invoke("Serialize image", "serialize"),
            self._invoke("Classify image", "classify", errors=[THROTTLED, ENDPOINT_ERROR]),
            self._invoke("Filter confidence", "filter", outputs=results.judged(classes)),
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
        function: str,
        *,
        outputs: str = "{% $states.result.Payload.body %}",
        errors: Sequence[str] = (THROTTLED,),
    ) -> LambdaTask:
        # Each function takes the body of the one before.
        return LambdaTask(
            self,
            name,
            function=self.functions[function],
            outputs=outputs,
            errors=errors,
            interval=FIRST_WAIT,
            max_attempts=RETRIES_OF_THROTTLED[name],
            backoff_rate=WAITS_GROW_BY,
            max_delay=LONGEST_WAIT,
            other_attempts=OTHER_RETRIES,
        )
