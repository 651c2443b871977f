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
from stacks.constructs.common.picture_path import PicturePath

# Fewer errors than this in a period are single bad pictures, of which the execution tells.
MIN_ERRORS = 10


class ExecutionAlarms(Construct):
    """Shows what is wrong with a path, not what is wrong with a picture.

    No message: an execution tells of what its functions failed at, and a notice of its death.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, path: PicturePath
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings, self._path = settings, path
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

    def _function(self, name: str) -> str:
        return f"the {name} function of {self._settings.environment}'s {self._path.title.lower()}"

    def _throttles(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            f"{name.title()}Throttles",
            metric=function.metric_throttles(period=PERIOD, statistic="Sum"),
            above=0,
            description=(
                f"Lambda throttled {self._function(name)}: more calls at a time than the account "
                "may make. They are tried again; what was throttled at its last try has failed. "
                f"{self._path.less_at_a_time}, or ask for a higher quota of concurrent executions."
            ),
            shown_only=True,
        )

    def _errors(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        if name in self._path.tolerant:
            return self._many_errors(name, function)
        return any_error(
            self,
            f"{name.title()}Errors",
            function=function,
            description=(
                f"A call of {self._function(name)} failed. The execution that made it says why, "
                "and the function's log what came before."
            ),
            shown_only=True,
        )

    def _many_errors(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        percent = self._settings.monitoring.max_error_percent
        share = cloudwatch.MathExpression(
            # An error may be a bad picture's: few of them are no alarm, whatever their share.
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
            description=(
                f"{MIN_ERRORS} or more calls of {self._function(name)} failed within "
                f"{PERIOD_MINUTES} minutes, more than {percent:g}% of all. Look at error "
                "and cause in the results of the latest executions, then at the function's log: "
                "either many pictures of one sender are bad, or the endpoint, a bucket or a "
                "permission is missing."
            ),
            shown_only=True,
        )

    def _ends(self) -> list[OperationalAlarm]:
        machine = self._path.state_machine
        ends = {
            "TimedOut": (
                machine.metric_timed_out(period=PERIOD, statistic="Sum"),
                "ran out of time",
            ),
            "Aborted": (
                machine.metric_aborted(period=PERIOD, statistic="Sum"),
                "were stopped by somebody",
            ),
        }
        # With "fail", an execution with rejected pictures fails by design, and has told of it.
        if self._settings.workflow.on_rejection == "report":
            ends["Failed"] = (
                machine.metric_failed(period=PERIOD, statistic="Sum"),
                "failed before they could report on their images",
            )
        return [
            OperationalAlarm(
                self,
                f"Executions{end}",
                metric=metric,
                above=0,
                description=(
                    f"Executions of {self._settings.environment}'s {self._path.title.lower()} "
                    f"{what}. A message of its own named each, with its cause; its history says "
                    "where it ended. Start it again with the same input when the cause is mended."
                ),
                shown_only=True,
            )
            for end, (metric, what) in ends.items()
        ]
