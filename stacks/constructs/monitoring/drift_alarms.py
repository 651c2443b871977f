"""Alarms on drift, on the detector, and on captures that stop."""

import math

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import OperationalAlarm, any_error
from stacks.constructs.inference import EndpointMetrics
from stacks.constructs.monitoring.drift_detector import DriftDetector
from stacks.constructs.monitoring.drift_metrics import OF_MODELS, OF_PICTURES, RECORDS, DriftMetrics

LIMIT = 1  # of a distance over its limit

# What is called late in an hour is captured after the detector's run of the next: two hours in a
# row may have calls and no records without any fault.
SILENT_HOURS = 3
# Chance that of so many calls none is captured although capture works.
FALSE_ALARMS = 1e-6

ADVICE_ON_PICTURES = (
    "Look at the latest pictures: a camera that is dirty, out of focus or badly lit, or other "
    "pictures than the model was trained with."
)
ADVICE_ON_REPLIES = (
    "Look at the pictures of which the model is least sure: other objects than it was trained "
    "with, or another camera. If the world has changed for good, train with pictures of it."
)
ADVICE_ON_MODELS = (
    "Look at the labels and the pictures of the dataset that was staged last; until they are "
    "mended, stage the earlier one and deploy again."
)


class DriftAlarms(Construct):
    """One alarm for each comparison, one for the detector itself, one for silent captures."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        metrics: DriftMetrics,
        detector: DriftDetector,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings, self._metrics = settings, metrics
        where = (
            f"The values are on the dashboard and in the log group "
            f"{detector.function.log_group.log_group_name}; the pictures: "
            f"scones report --environment {settings.environment}"
        )
        self.alarms: list[OperationalAlarm] = [
            *(self._moved(name, what, where) for name, what in metrics.compared.items()),
            *(self._worse(name, what) for name, what in OF_MODELS.items()),
            self._failed(detector),
            CaptureAlarm(self, "Capture", settings=settings, records=metrics.count(RECORDS)),
        ]

    def _moved(self, name: str, what: str, where: str) -> OperationalAlarm:
        advice = ADVICE_ON_PICTURES if name in OF_PICTURES else ADVICE_ON_REPLIES
        return OperationalAlarm(
            self,
            name,
            metric=self._metrics.drift(name),
            above=LIMIT,
            # Runs are an interval apart only by and large: a period may have none.
            periods=1,
            of_periods=2,
            description=f"Drift at the endpoint {self._settings.endpoint_name}: {what} moved away "
            "from that of the validation pictures. The number in the reason is the distance, in "
            f"limits: above 1 is more than chance. {advice} {where}",
        )

    def _worse(self, name: str, what: str) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            name,
            metric=self._metrics.drift(name),
            above=LIMIT,
            description=f"The new model of the endpoint {self._settings.endpoint_name} is worse "
            f"than the one before it: {what} on the validation pictures fell. The number in the "
            f"reason is the fall, in limits: above 1 is more than chance. {ADVICE_ON_MODELS}",
        )

    def _failed(self, detector: DriftDetector) -> OperationalAlarm:
        return any_error(
            self,
            "Errors",
            function=detector.function,
            description=f"The drift detector of {self._settings.environment} failed; its log "
            f"group {detector.function.log_group.log_group_name} says why. Nothing is lost: the "
            "next run goes on where it stopped.",
        )


class CaptureAlarm(OperationalAlarm):
    """Capture has gone silent while traffic flows, or nobody counts the captures any more."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, records: cloudwatch.Metric
    ) -> None:
        """`records`: the captures that the drift detector counted; it publishes hour by hour."""
        hour = cdk.Duration.hours(1)
        calls = enough_calls(settings.capture.sampling_percentage)
        silent = cloudwatch.MathExpression(
            expression=f"IF(calls >= {calls} AND FILL(records, 0) == 0, 1, 0)",
            using_metrics={
                "calls": EndpointMetrics(settings)
                .of_calls("Invocations", "Sum")
                .with_(period=hour),
                "records": records.with_(statistic="Sum", period=hour),
            },
            period=hour,
            label="Calls and no captures",
        )
        super().__init__(
            scope,
            construct_id,
            metric=silent,
            above=0,
            periods=SILENT_HOURS,
            description=(
                f"The endpoint {settings.endpoint_name} was called and none of it captured for "
                f"{SILENT_HOURS} hours on end: the model is not watched. Look for new objects in "
                "the capture bucket. If there are some, the log of the drift detector says why it "
                "does not count them; if not, look at the endpoint's data capture status and at "
                "what its role may write, and deploy again."
            ),
        )


def enough_calls(sampling_percentage: int) -> int:
    """Calls of which at least one is captured, but for a chance of `FALSE_ALARMS`."""
    if sampling_percentage == 100:
        return 1
    return math.ceil(math.log(FALSE_ALARMS) / math.log(1 - sampling_percentage / 100))
