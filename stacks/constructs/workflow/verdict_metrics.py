"""Numbers of accepted, rejected and failed pictures, counted in logs."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import PERIOD
from stacks.constructs.workflow.classification_workflow import FAILED, ClassificationWorkflow

METRIC = "Pictures"
DIMENSION = "Verdict"
VERDICTS = ("Accepted", "Rejected", FAILED)


class VerdictMetrics(Construct):
    """The metric `Pictures` of the namespace `Scones/<environment>`, by `Verdict`.

    filter_confidence logs a line for each picture that it accepts or rejects. A failed picture may
    never get there, but the log of the state machine names its last state. The values of dimensions
    come from the log, so the environment is in the namespace.
    """

    def __init__(
        self, scope: Construct, *, settings: Settings, workflow: ClassificationWorkflow
    ) -> None:
        super().__init__(scope, "Verdicts")
        self._namespace = f"Scones/{settings.environment}"
        is_ = logs.FilterPattern.string_value
        self._count(
            "Filter",
            "$.verdict",
            log_group=workflow.verdict_log,
            pattern=logs.FilterPattern.any(
                *(is_("$.verdict", "=", each) for each in VERDICTS if each != FAILED)
            ),
        )
        self._count(
            "FailedFilter",
            "$.details.name",
            log_group=workflow.state_machine.log_group,
            pattern=logs.FilterPattern.all(
                is_("$.type", "=", "PassStateEntered"), is_("$.details.name", "=", FAILED)
            ),
        )

    def _count(
        self,
        construct_id: str,
        verdict: str,
        *,
        log_group: logs.ILogGroup,
        pattern: logs.IFilterPattern,
    ) -> None:
        logs.MetricFilter(
            self,
            construct_id,
            log_group=log_group,
            filter_pattern=pattern,
            metric_namespace=self._namespace,
            metric_name=METRIC,
            metric_value="1",
            unit=cloudwatch.Unit.COUNT,
            dimensions={DIMENSION: verdict},
        )

    def metric(self, verdict: str, *, color: str) -> cloudwatch.Metric:
        """Return the number of pictures with one of `VERDICTS`."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=METRIC,
            dimensions_map={DIMENSION: verdict},
            statistic="Sum",
            period=PERIOD,
            label=verdict,
            color=color,
        )
