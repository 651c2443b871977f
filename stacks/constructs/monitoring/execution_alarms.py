"""Alarms on the executions of a state machine and on the functions that they call."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import (
    PERIOD,
    PERIOD_MINUTES,
    OperationalAlarm,
    any_error,
)
from stacks.constructs.common.state_machine import PicturePath

# Fewer errors in a period are single bad pictures, which the execution reports.
MIN_ERRORS = 10


class ExecutionAlarms(Construct):
    """Shows faults of a path, as opposed to faults of single pictures.

    They send no message: an execution reports what its functions failed at, and a notice its death.
    """

    def __init__(self, scope: Construct, *, settings: Settings, path: PicturePath) -> None:
        super().__init__(scope, path.title.title().replace(" ", ""))
        self._settings = settings
        self._path = path
        self._name = f"{settings.environment}'s {path.title.lower()}"
        functions = path.functions.items()
        self.alarms = [
            *(self._throttles(name, function) for name, function in functions),
            *(
                self._errors(name, function)
                for name, function in functions
                if name not in path.not_watched
            ),
            *self._ends(),
        ]

    def _throttles(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            f"{name.title()}Throttles",
            metric=function.metric_throttles(period=PERIOD, statistic="Sum"),
            above=0,
            description=f"Lambda throttled the {name} function of {self._name}: more concurrent "
            "calls than the account may make. Calls are retried; those throttled at their last "
            f"retry failed. {self._path.less_at_a_time}, or ask for a higher quota of concurrent "
            "executions.",
            shown_only=True,
        )

    def _errors(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        if name in self._path.tolerant:
            return self._many_errors(name, function)
        return any_error(
            self,
            f"{name.title()}Errors",
            function=function,
            description=f"A call of the {name} function of {self._name} failed. The execution that "
            "made it has the cause, and the function's log what led to it.",
            shown_only=True,
        )

    def _many_errors(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        percent = self._settings.monitoring.max_error_percent
        share = cloudwatch.MathExpression(
            expression=f"IF(errors >= {MIN_ERRORS}, 100 * errors / calls, 0)",
            using_metrics={
                "errors": function.metric_errors(statistic="Sum"),
                "calls": function.metric_invocations(statistic="Sum"),
            },
            period=PERIOD,
            label="Errors in percent of the calls",
        )
        return OperationalAlarm(
            self,
            f"{name.title()}Errors",
            metric=share,
            above=percent,
            description=f"At least {MIN_ERRORS} calls of the {name} function of {self._name}, and "
            f"more than {percent:g}% of all, failed within {PERIOD_MINUTES} minutes. Look at error "
            "and cause in the results of the latest executions, then at the function's log: either "
            "a sender has many bad pictures, or the endpoint, a bucket or a permission is missing.",
            shown_only=True,
        )

    def _ends(self) -> list[OperationalAlarm]:
        machine = self._path.state_machine
        ends = {
            "TimedOut": (machine.metric_timed_out, "timed out"),
            "Aborted": (machine.metric_aborted, "were stopped"),
        }
        # With "fail", executions with rejected pictures fail by design, and have reported it.
        if self._settings.workflow.on_rejection == "report":
            ends["Failed"] = (machine.metric_failed, "failed before they could report their images")
        return [
            OperationalAlarm(
                self,
                f"Executions{end}",
                metric=metric(period=PERIOD, statistic="Sum"),
                above=0,
                description=f"Executions of {self._name} {what}. A message named each with its "
                "cause; its history shows where it ended. Start it again with the same input once "
                "the cause is fixed.",
                shown_only=True,
            )
            for end, (metric, what) in ends.items()
        ]
