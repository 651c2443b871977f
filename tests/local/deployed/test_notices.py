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
    ("event", "says"),
    [
        ({"images": "one.png"}, "images is of type string"),
        ({"images": [{}] * 501}, "501 images; an execution takes at most 500"),
    ],
)
def test_an_unusable_input_is_refused_in_words(
    deployment: Deployment, messages: Messages, event: dict[str, Any], says: str
) -> None:
    state = deployment.execute(event)

    assert (state["status"], state["error"]) == ("FAILED", "InvalidInput")
    assert says in state["cause"]
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"
    assert f"\nInvalidInput\n{state['cause']}\n" in message["Message"]
    assert state["executionArn"] in message["Message"]


def test_keys_that_leave_no_room_for_the_results_are_refused_before_any_call(
    deployment: Deployment, messages: Messages
) -> None:
    # Just about fits as input; the results repeat the keys beside the errors.
    images = [deployment.image(f"{number:0400}") for number in range(500)]

    state = deployment.execute({"images": images})

    assert (state["status"], state["error"]) == ("FAILED", "InvalidInput")
    assert state["cause"].startswith("500 images with these buckets and keys; ")
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"
    assert state["cause"] in message["Message"]


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


def test_a_stopped_execution_is_told_of_once(deployment: Deployment, messages: Messages) -> None:
    client = deployment.cloud.client("stepfunctions")
    execution = deployment.start(
        {"images": [deployment.image(key) for key in deployment.dataset.truth]}
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


def test_an_execution_out_of_time_is_told_of(deployment: Deployment, messages: Messages) -> None:
    detail = {
        "executionArn": "arn:aws:states:us-east-1:000000000000:execution:machine:slow",
        "stateMachineArn": deployment.outputs("Workflow")["StateMachineArn"],
        "status": "TIMED_OUT",
        "error": None,
        "cause": None,
    }

    # On the local cloud no execution runs out of time.
    notify_of(deployment, "aws.states", "Step Functions Execution Status Change", detail)

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution timed out"
    assert detail["executionArn"] in message["Message"]


def test_an_alarm_of_the_stacks_is_told_of(deployment: Deployment, messages: Messages) -> None:
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


def test_an_alarm_on_what_executions_tell_of_is_shown_only(
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


def notify_of(
    deployment: Deployment, source: str, detail_type: str, detail: dict[str, Any]
) -> None:
    """Start the target of the only rule that matches the event, with its detail."""
    events = deployment.cloud.client("events")
    event = {
        "id": "1",
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z",
        "source": source,
        "detail-type": detail_type,
        "resources": [],
        "detail": detail,
    }
    (rule,) = (
        rule
        for rule in events.list_rules()["Rules"]
        if "EventPattern" in rule
        and events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))[
            "Result"
        ]
    )
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    deployment.cloud.client("stepfunctions").start_execution(
        stateMachineArn=target["Arn"], input=json.dumps(detail)
    )
