"""One readable notice for every execution in need and for every alarm; the dashboard."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local.deployment import Deployment
from tests.local.inbox import Messages


def test_a_long_list_is_cut_in_the_message(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    keys = (verdicts["rejected"] * 25)[:25]

    deployment.classify(*keys)

    (message,) = messages(1)
    assert message["Message"].count("best class") == 20
    assert "... and 5 more" in message["Message"]


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ("one.png", "images is of type string"),
        ([{}] * 501, "501 images; an execution takes at most 500"),
        # Just about fits as input; the results repeat the keys beside the errors.
        (
            [{"s3_bucket": "bucket" * 10, "s3_key": f"{number:0400}"} for number in range(500)],
            "500 images with these buckets and keys; ",
        ),
    ],
    ids=["no list", "too many", "too long"],
)
def test_an_unusable_input_is_refused_and_reported(
    deployment: Deployment, messages: Messages, images: Any, reason: str
) -> None:
    state = deployment.execute({"images": images})

    assert (state["status"], state["error"]) == ("FAILED", "InvalidInput")
    assert reason in state["cause"]
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"
    assert f"\nInvalidInput\n{state['cause']}\n" in message["Message"]
    assert state["executionArn"] in message["Message"]


def test_the_longest_keys_have_a_result_for_each_image(
    deployment: Deployment, messages: Messages
) -> None:
    keys = [f"{number:03}".ljust(1024, "k") for number in range(177)]

    output = deployment.classify(*keys)

    assert output["counts"] == {"images": 177, "accepted": 0, "rejected": 0, "failed": 177}
    assert {result["statusCode"] for result in output["results"]} == {404}
    assert [result["body"] for result in output["results"]] == [
        deployment.image(key) for key in keys
    ]
    (message,) = messages(1)
    assert "The rest does not fit.\n\nAll results are in " in message["Message"]


def test_a_stopped_execution_is_reported_once(deployment: Deployment, messages: Messages) -> None:
    client = deployment.cloud.client("stepfunctions")
    execution = deployment.start(
        {"images": [deployment.image(key) for key in deployment.dataset.ground_truth]}
    )

    client.stop_execution(executionArn=execution)

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution was stopped"
    assert message["Message"].splitlines() == [
        "An execution was stopped before it could report on its images.",
        "",
        "Its history shows where it ended",
        execution,
    ]


def test_an_execution_out_of_time_is_reported(deployment: Deployment, messages: Messages) -> None:
    # On the local cloud no execution runs out of time: start the target of the rule that matches.
    events = deployment.cloud.client("events")
    detail = {
        "executionArn": "arn:aws:states:us-east-1:000000000000:execution:machine:slow",
        "stateMachineArn": deployment.outputs("Workflow")["StateMachineArn"],
        "status": "TIMED_OUT",
        "error": None,
        "cause": None,
    }
    event = {
        "id": "1",
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "resources": [],
        "detail": detail,
    }
    (rule,) = (
        rule["Name"]
        for rule in events.list_rules()["Rules"]
        if "EventPattern" in rule
        and events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))[
            "Result"
        ]
    )
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    deployment.start(detail, machine=target["Arn"])

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution timed out"
    assert detail["executionArn"] in message["Message"]


def test_an_alarm_of_the_stacks_is_reported(deployment: Deployment, messages: Messages) -> None:
    cloudwatch = deployment.cloud.client("cloudwatch")
    prefix = deployment.settings.stack_name("Monitoring")
    (alarm,) = (
        each
        for each in cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
        if each.get("MetricName") == "Invocation5XXErrors"
    )
    assert alarm["StateValue"] == "OK"  # a quiet night

    now = datetime.now(UTC)
    for minutes_ago in (3, 2, 0):
        datum = {
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm["Dimensions"],
            "Timestamp": now - timedelta(minutes=minutes_ago),
            "Values": [0, 1],
        }
        cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[datum])

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: alarm"
    name, description, _, reason, _ = message["Message"].split("\n")
    assert (name, description) == (alarm["AlarmName"], alarm["AlarmDescription"])
    assert "0.5, 0.5, 0.5" in reason


def test_an_alarm_on_what_executions_report_is_shown_only(
    deployment: Deployment, messages: Messages
) -> None:
    cloudwatch = deployment.cloud.client("cloudwatch")
    prefix = deployment.settings.stack_name("Monitoring")
    names = [
        next(
            alarm["AlarmName"]
            for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
            if alarm["AlarmName"].startswith(f"{prefix}-{name}")
        )
        for name in ("BulkClassificationExecutionsFailed", "UndeliveredManifests")
    ]

    for name in names:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="By hand.")

    (message,) = messages(1)
    assert message["Message"].startswith(names[1])


def test_the_dashboard_shows_what_is_deployed(deployment: Deployment) -> None:
    cloudwatch = deployment.cloud.client("cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]

    widgets = json.loads(body)["widgets"]
    shown = [
        arn for each in widgets if each["type"] == "alarm" for arn in each["properties"]["alarms"]
    ]
    prefix = deployment.settings.stack_name("Monitoring")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    assert sorted(shown) == sorted(alarm["AlarmArn"] for alarm in alarms)
    assert deployment.outputs("Workflow")["StateMachineArn"] in body
    assert deployment.outputs("Batch")["BulkStateMachineArn"] in body
    assert deployment.outputs("Storage")["CaptureBucketName"] in body
    assert "${" not in body
