"""The dashboard of an environment."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings
from settings.instances import has_gpu
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.common.state_machine import PicturePath
from stacks.constructs.inference import EndpointMetrics
from stacks.constructs.monitoring.widgets import (
    COLUMNS,
    GREEN,
    ORANGE,
    PERCENTILES,
    RED,
    Row,
    durations,
    executions,
    graph,
    of_functions,
)
from stacks.constructs.workflow import VERDICTS, VerdictMetrics
from stacks.s3_layout import CAPTURES

VERDICT_COLOURS = dict(zip(VERDICTS, (GREEN, ORANGE, RED), strict=True))


class OperationsDashboard(Construct):
    """From top to bottom: links, alarms, endpoint, workflow, and the `rows` given."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        workflow: PicturePath,
        verdicts: VerdictMetrics,
        captures: s3.IBucket,
        alarms: Sequence[OperationalAlarm],
        rows: Sequence[Row],
    ) -> None:
        super().__init__(scope, "Dashboard")
        self._settings = settings
        self._workflow = workflow
        self._metrics = EndpointMetrics(settings)
        dashboard = cloudwatch.Dashboard(self, "Resource", default_interval=cdk.Duration.days(1))
        dashboard.add_widgets(self._links(captures))
        for title, shown_only in (("Alarms", False), ("Alarms without a message", True)):
            those = [alarm for alarm in alarms if alarm.shown_only is shown_only]
            dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(title=title, alarms=those, width=COLUMNS, height=4)
            )
        if settings.endpoint.enabled:
            calls = self._metrics.of_calls("Invocations", "Sum", label="Calls")
            instances = graph("Endpoint: instances", "instances", self._metrics.instances())
            dashboard.add_widgets(
                graph("Endpoint: calls", "calls", calls),
                self._latency("Model"),
                self._latency("Overhead"),
            )
            dashboard.add_widgets(self._errors(), instances, self._utilisation())
        dashboard.add_widgets(executions(workflow), durations(workflow), self._pictures(verdicts))
        dashboard.add_widgets(*self._functions())
        for row in rows:
            dashboard.add_widgets(*row)

    def _links(self, captures: s3.IBucket) -> cloudwatch.TextWidget:
        settings, region = self._settings, cdk.Stack.of(self).region
        console = f"https://{region}.console.aws.amazon.com"
        machine = self._workflow.state_machine.state_machine_arn
        links = {
            "Executions": f"states/home?region={region}#/statemachines/view/{machine}",
            "Captures": f"s3/buckets/{captures.bucket_name}?region={region}"
            f"&prefix={CAPTURES.path}/",
            "All alarms": f"cloudwatch/home?region={region}#alarmsV2:"
            f"?~(search~'{settings.stack_name('')})",
        }
        if settings.endpoint.enabled:
            endpoint = f"sagemaker/home?region={region}#/endpoints/{settings.endpoint_name}"
            links = {"Endpoint": endpoint, **links}
        listed = " | ".join(f"[{title}]({console}/{path})" for title, path in links.items())
        return cloudwatch.TextWidget(
            markdown=f"# Scones {settings.environment}\n{listed}\n\n"
            "The description of each alarm, and docs/operations.md, say what it means and what to "
            "do.",
            width=COLUMNS,
            height=3,
        )

    def _latency(self, part: str) -> cloudwatch.GraphWidget:
        limit = self._settings.monitoring.max_latency_ms
        return graph(
            f"Endpoint: {part.lower()} latency",
            "ms",
            *(self._metrics.latency_ms(f"{part}Latency", each) for each in PERCENTILES),
            threshold=cloudwatch.HorizontalAnnotation(value=limit, label="alarm: p90 above"),
        )

    def _errors(self) -> cloudwatch.GraphWidget:
        limit = self._settings.monitoring.max_error_percent
        shares = (
            cloudwatch.MathExpression(
                expression=f"100 * {name}",
                using_metrics={name: self._metrics.of_calls(f"Invocation{kind}Errors", "Average")},
                label=kind,
                color=colour,
                period=cdk.Duration.minutes(1),
            )
            for kind, name, colour in (("4XX", "refused", ORANGE), ("5XX", "failed", RED))
        )
        return graph(
            "Endpoint: errors",
            "% of the calls",
            *shares,
            threshold=cloudwatch.HorizontalAnnotation(value=limit, label="alarm: above"),
        )

    def _utilisation(self) -> cloudwatch.GraphWidget:
        names = {"CPU": "CPUUtilization", "Memory": "MemoryUtilization"}
        if has_gpu(self._settings.endpoint.instance_type):
            names |= {"GPU": "GPUUtilization", "GPU memory": "GPUMemoryUtilization"}
        return graph(
            "Endpoint: utilisation",
            "% (100 for each core or GPU)",
            *(
                self._metrics.of_instances(name, "Average", label=label)
                for label, name in names.items()
            ),
        )

    def _pictures(self, verdicts: VerdictMetrics) -> cloudwatch.GraphWidget:
        metrics = (verdicts.metric(each, color=colour) for each, colour in VERDICT_COLOURS.items())
        return graph("Workflow: pictures", "pictures", *metrics, stacked=True)

    def _functions(self) -> list[cloudwatch.GraphWidget]:
        title, paths = "Workflow functions", [self._workflow]
        return [
            of_functions(f"{title}: errors, bad pictures included", "errors", paths, "Errors"),
            of_functions(f"{title}: throttled calls", "calls", paths, "Throttles"),
            of_functions(f"{title}: duration, p90", "ms", paths, "Duration", "p90"),
        ]
