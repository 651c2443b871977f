"""How many pictures were accepted, rejected and failed, counted in the state machine's log."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from settings import Settings
from stacks.constructs.monitoring.graph import FIVE_MINUTES
from stacks.constructs.workflow.classification_workflow import VERDICTS, ClassificationWorkflow

METRIC = "Pictures"
DIMENSION = "Verdict"


class VerdictMetrics(Construct):
    """The metric `Pictures` of the namespace `Scones/<environment>`, by `Verdict`.

    The log names every state that is entered, without its data: nothing in the workflow has to
    count, and no call publishes anything. A value of a dimension comes from the log, so that the
    environment has to be in the namespace.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        workflow: ClassificationWorkflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self._namespace = f"Scones/{settings.environment}"
        entered = logs.FilterPattern.string_value("$.type", "=", "PassStateEntered")
        verdicts = (
            logs.FilterPattern.string_value("$.details.name", "=", verdict) for verdict in VERDICTS
        )
        logs.MetricFilter(
            self,
            "Filter",
            log_group=workflow.state_machine.log_group,
            filter_pattern=logs.FilterPattern.all(entered, logs.FilterPattern.any(*verdicts)),
            metric_namespace=self._namespace,
            metric_name=METRIC,
            metric_value="1",
            unit=cloudwatch.Unit.COUNT,
            dimensions={DIMENSION: "$.details.name"},
        )

    def metric(self, verdict: str, *, color: str) -> cloudwatch.Metric:
        """Number of pictures of one of `VERDICTS`."""
        return cloudwatch.Metric(
            namespace=self._namespace,
            metric_name=METRIC,
            dimensions_map={DIMENSION: verdict},
            statistic="Sum",
            period=FIVE_MINUTES,
            label=verdict,
            color=color,
        )
