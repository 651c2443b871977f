"""Alarms on the functions and the executions of the workflow."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from settings import Settings
from stacks.constructs.monitoring.operational_alarm import OperationalAlarm
from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow

PERIOD = cdk.Duration.minutes(5)

# Fewer errors than this in a period are single bad pictures, of which the execution tells.
MIN_ERRORS = 10


class WorkflowAlarms(Construct):
    """Watches what is wrong with the workflow, not what is wrong with a picture."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        workflow: ClassificationWorkflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        functions = workflow.functions.items()
        self.alarms = [
            *(self._throttles(name, function) for name, function in functions),
            *(
                self._errors(name, function)
                for name, function in functions
                if not self._raises_rejections(name)
            ),
            *self._ends(workflow),
        ]

    def _raises_rejections(self, name: str) -> bool:
        # Then most of its errors are pictures that it was not sure of.
        return name == "filter" and self._settings.workflow.rejection_style == "raise"

    def _throttles(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            f"{name.title()}Throttles",
            metric=function.metric_throttles(period=PERIOD, statistic=cloudwatch.Stats.SUM),
            above=0,
            description=(
                f"Lambda throttled the {name} function of {self._settings.environment}: more calls "
                "at a time than the account may make. They are tried again; pictures whose last "
                "try was throttled have failed. Lower workflow.max_concurrency, start fewer "
                "executions at a time, or ask for a higher quota of concurrent executions."
            ),
        )

    def _errors(self, name: str, function: lambda_.IFunction) -> OperationalAlarm:
        percent = self._settings.monitoring.max_error_percent
        share = cloudwatch.MathExpression(
            # An error may be a bad picture's: few of them are no alarm, whatever their share.
            expression=f"IF(errors >= {MIN_ERRORS}, 100 * errors / calls, 0)",
            using_metrics={
                "errors": function.metric_errors(statistic=cloudwatch.Stats.SUM),
                "calls": function.metric_invocations(statistic=cloudwatch.Stats.SUM),
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
                f"{MIN_ERRORS} or more calls of the {name} function of "
                f"{self._settings.environment} failed within {PERIOD.to_minutes():g} minutes, more "
                f"than {percent:g}% of all. Look at error and cause in the results of the latest "
                "executions, then at the function's log: either many pictures of one sender are "
                "bad, or the endpoint, a bucket or a permission is missing."
            ),
        )

    def _ends(self, workflow: ClassificationWorkflow) -> list[OperationalAlarm]:
        machine = workflow.state_machine
        sum_ = cloudwatch.Stats.SUM
        ends = {
            "TimedOut": (
                machine.metric_timed_out(period=PERIOD, statistic=sum_),
                "ran out of time",
            ),
            "Aborted": (
                machine.metric_aborted(period=PERIOD, statistic=sum_),
                "were stopped by somebody",
            ),
        }
        # With "fail", an execution with rejected pictures fails by design, and has told of it.
        if self._settings.workflow.on_rejection == "report":
            ends["Failed"] = (
                machine.metric_failed(period=PERIOD, statistic=sum_),
                "failed before they could report on their images",
            )
        return [
            OperationalAlarm(
                self,
                f"Executions{end}",
                metric=metric,
                above=0,
                description=(
                    f"Executions of the state machine of {self._settings.environment} {what}. "
                    "A message of its own names each, with its cause; its history says where it "
                    "ended. Start it again with the same input when the cause is mended."
                ),
            )
            for end, (metric, what) in ends.items()
        ]
