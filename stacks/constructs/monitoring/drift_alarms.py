"""Alarms on drift, on the detector, and on captures that stop."""

import math

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import OperationalAlarm, any_error
from stacks.constructs.inference import EndpointMetrics
from stacks.constructs.monitoring.drift_detector import (
    OF_MODELS,
    OF_PICTURES,
    RECORDS,
    DriftDetector,
    DriftMetrics,
)

LIMIT = 1  # of a distance over its limit

# Calls late in an hour are captured after the detector's run of the next hour: two hours in a row
# may have calls and no records without any fault.
SILENT_HOURS = 3
# Probability that capture works and yet records none of so many calls.
FALSE_ALARMS = 1e-6

ADVICE_ON_PICTURES = (
    "Look at the latest pictures: the camera may be dirty, out of focus or badly lit, or the "
    "pictures differ from those the model was trained with."
)
ADVICE_ON_REPLIES = (
    "Look at the pictures with the lowest confidence: they may show other objects than the model "
    "was trained with, or come from another camera. If the change is permanent, train with such "
    "pictures."
)


class DriftAlarms(Construct):
    """One alarm for each comparison, one for the detector, one for silent captures."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        metrics: DriftMetrics,
        detector: DriftDetector,
    ) -> None:
        super().__init__(scope, "Drift")
        self._settings, self._metrics = settings, metrics
        self._log = f"log group {detector.function.log_group.log_group_name}"
        self.alarms: list[OperationalAlarm] = [
            *(self._moved(name, what) for name, what in metrics.compared.items()),
            *(self._worse(name, what) for name, what in OF_MODELS.items()),
            any_error(
                self,
                "Errors",
                function=detector.function,
                description=f"The drift detector of {settings.environment} failed; its {self._log} "
                "has the cause. Nothing is lost: the next run continues where it stopped.",
            ),
            CaptureAlarm(self, settings=settings, records=metrics.count(RECORDS)),
        ]

    def _moved(self, name: str, what: str) -> OperationalAlarm:
        advice = ADVICE_ON_PICTURES if name in OF_PICTURES else ADVICE_ON_REPLIES
        return OperationalAlarm(
            self,
            name,
            metric=self._metrics.drift(name),
            above=LIMIT,
            # Runs are only roughly an interval apart: a period may have none.
            periods=1,
            of_periods=2,
            description=f"Drift at the endpoint {self._settings.endpoint_name}: {what} moved away "
            "from that of the validation pictures. The number in the reason is the distance over "
            f"its limit: above 1 is more than chance. {advice} The values are on the dashboard and "
            f"in the {self._log}; for the pictures, run scones report --environment "
            f"{self._settings.environment}",
        )

    def _worse(self, name: str, what: str) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            name,
            metric=self._metrics.drift(name),
            above=LIMIT,
            description=f"The new model of the endpoint {self._settings.endpoint_name} is worse "
            f"than the previous one: {what} on the validation pictures fell. The number in the "
            "reason is the fall over its limit: above 1 is more than chance. Check the labels and "
            "pictures of the latest staged dataset; until they are fixed, stage the previous one "
            "and deploy again.",
        )


class CaptureAlarm(OperationalAlarm):
    """Fires when calls are no longer captured, or captures no longer counted."""

    def __init__(self, scope: Construct, *, settings: Settings, records: cloudwatch.Metric) -> None:
        """`records` are the captures that the drift detector counted, hour by hour."""
        hour = cdk.Duration.hours(1)
        minimum = enough_calls(settings.capture.sampling_percentage)
        calls = EndpointMetrics(settings).of_calls("Invocations", "Sum")
        silent = cloudwatch.MathExpression(
            expression=f"IF(calls >= {minimum} AND FILL(records, 0) == 0, 1, 0)",
            using_metrics={
                "calls": calls.with_(period=hour),
                "records": records.with_(statistic="Sum", period=hour),
            },
            period=hour,
            label="Calls and no captures",
        )
        super().__init__(
            scope,
            "Capture",
            metric=silent,
            above=0,
            periods=SILENT_HOURS,
            description=f"The endpoint {settings.endpoint_name} was called for {SILENT_HOURS} "
            "hours in a row and no call was captured: the model is not watched. Look for new "
            "objects in the capture bucket. If there are some, the drift detector's log says why "
            "it does not count them. If not, check the endpoint's data capture status and what its "
            "role may write, and deploy again.",
        )


def enough_calls(sampling_percentage: int) -> int:
    """Return the number of calls of which none is captured with probability `FALSE_ALARMS`."""
    if sampling_percentage == 100:
        return 1
    return math.ceil(math.log(FALSE_ALARMS) / math.log(1 - sampling_percentage / 100))
