"""The alarm that rises when calls are no longer captured."""

import math

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.monitoring.endpoint_metrics import EndpointMetrics

# What is called late in an hour is captured after the detector's run of the next: two hours in a
# row may have calls and no records without any fault.
SILENT_HOURS = 3
# Chance that of so many calls none is captured although capture works.
FALSE_ALARMS = 1e-6


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
