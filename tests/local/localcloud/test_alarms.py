"""The repairs of CloudWatch's alarms; each test fails without its repair."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.inbox import Inbox
from tests.local.localcloud.repairs.stacks import Stack, resource, template
from tests.local.waiting import wait

Alarm = Callable[..., str]
State = Callable[[str], str]
CAMERA = {"Name": "Camera", "Value": "north"}


ABOVE: Any = {
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


def new_name() -> str:
    return f"a-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def namespace() -> str:
    """A namespace for this test alone."""
    return f"Test/{new_name()}"


@pytest.fixture
def alarm(cloud: LocalCloud, namespace: str) -> Iterator[Alarm]:
    """Create alarms that fire above 10 in the average of `Brightness`; return their names."""
    client = cloud.client("cloudwatch")
    names: list[str] = []

    def put(**properties: Any) -> str:
        names.append(new_name())
        metric: dict[str, Any] = {
            "AlarmDescription": "Too bright.",
            "Namespace": namespace,
            "MetricName": "Brightness",
            "Dimensions": [CAMERA],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10,
        }
        client.put_metric_alarm(AlarmName=names[-1], **{**metric, **ABOVE, **properties})
        return names[-1]

    yield put
    client.delete_alarms(AlarmNames=names)


@pytest.fixture
def measure(cloud: LocalCloud, namespace: str) -> Callable[..., None]:
    """Put one value of `Brightness`, by default of the camera north and of now."""
    client = cloud.client("cloudwatch")

    def put(value: float, *, camera: str = "north", seconds_ago: float = 0) -> None:
        datum = {
            "MetricName": "Brightness",
            "Dimensions": [CAMERA | {"Value": camera}],
            "Timestamp": datetime.now(UTC) - timedelta(seconds=seconds_ago),
            "Value": value,
        }
        client.put_metric_data(Namespace=namespace, MetricData=[datum])

    return put


@pytest.fixture
def state(cloud: LocalCloud) -> State:
    def describe(name: str) -> str:
        (described,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(described["StateValue"])

    return describe


@pytest.fixture
def events(cloud: LocalCloud) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """The events of an alarm so far, by way of a rule and a queue."""
    rules, sqs = cloud.client("events"), cloud.client("sqs")
    name = new_name()
    inbox = Inbox.create(sqs, name)
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [{"prefix": "a-"}]},
    }
    rules.put_rule(Name=name, EventPattern=json.dumps(pattern))
    rules.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": inbox.arn}])
    received: list[dict[str, Any]] = []

    def receive(alarm: str) -> list[dict[str, Any]]:
        while messages := sqs.receive_message(QueueUrl=inbox.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                received.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=inbox.url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in received if event["detail"]["alarmName"] == alarm]

    yield receive
    rules.remove_targets(Rule=name, Ids=["1"])
    rules.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=inbox.url)


def test_an_alarm_looks_at_its_own_dimensions_only(
    alarm: Alarm, measure: Any, state: State
) -> None:
    north, south = alarm(), alarm(Dimensions=[CAMERA | {"Value": "south"}])

    measure(50, camera="south")

    assert (state(north), state(south)) == ("OK", "ALARM")


def test_an_alarm_counts_the_periods_that_breach(alarm: Alarm, measure: Any, state: State) -> None:
    two_of_three = alarm(EvaluationPeriods=3, DatapointsToAlarm=2)

    measure(50, seconds_ago=150)
    measure(0, seconds_ago=90)
    assert state(two_of_three) == "OK"  # although the average of all is 25

    measure(50)
    assert state(two_of_three) == "ALARM"


def test_an_alarm_is_ok_again_when_its_data_is_or_is_gone(
    alarm: Alarm, measure: Any, state: State, events: Any
) -> None:
    of_a_minute, of_a_second = alarm(), alarm(Period=1)
    measure(50)
    assert state(of_a_minute) == "ALARM"
    wait(lambda: state(of_a_second) == "OK")
    seen = [event["detail"]["state"]["value"] for event in events(of_a_second)]
    assert seen == ["OK", "ALARM", "OK"]

    measure(-100)
    assert state(of_a_minute) == "OK"


def test_a_change_of_state_is_an_event(
    alarm: Alarm, measure: Any, events: Any, cloud: LocalCloud, namespace: str
) -> None:
    name = alarm()  # without data, it becomes OK at once

    measure(50)
    measure(60)  # no change

    to_ok, to_alarm = events(name)
    assert to_ok["detail"]["state"]["value"] == "OK"
    assert to_alarm["source"] == "aws.cloudwatch"
    assert to_alarm["resources"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"]
    detail = to_alarm["detail"]
    assert detail["previousState"] == to_ok["detail"]["state"]
    assert detail["state"]["value"] == "ALARM"
    assert "[50]" in detail["state"]["reason"]
    datetime.strptime(detail["state"]["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert detail["configuration"]["description"] == "Too bright."
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {"namespace": namespace, "name": "Brightness", "dimensions": {"Camera": "north"}},
        "period": 60,
        "stat": "Average",
    }

    client = cloud.client("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="By hand.")
    assert events(name)[-1]["detail"]["state"]["reason"] == "By hand."


def test_an_error_of_a_function_raises_its_alarm(alarm: Alarm, functions: Any, events: Any) -> None:
    arn = functions.python("def handler(event, context):\n    raise ValueError(event)\n")
    name = alarm(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": arn.rpartition(":")[2]}],
        Statistic="Sum",
        Threshold=0,
    )

    functions.invoke(arn)

    assert [event["detail"]["state"]["value"] for event in events(name)] == ["OK", "ALARM"]


def test_an_alarm_on_metric_math_is_kept_and_described(cloud: LocalCloud, events: Any) -> None:
    cloudwatch, name = cloud.client("cloudwatch"), new_name()
    one = {"Namespace": "Test", "MetricName": "Errors", "Dimensions": []}
    stat = {"Metric": one, "Period": 300, "Stat": "Sum"}
    queries = [
        {"Id": "share", "Expression": "100 * errors", "Label": "Percent", "ReturnData": True},
        {"Id": "errors", "MetricStat": stat, "ReturnData": False},
    ]
    math = resource(
        "AWS::CloudWatch::Alarm",
        AlarmName=name,
        AlarmDescription="",
        Metrics=queries,
        Threshold=5,
        EvaluationPeriods=3,
        **ABOVE,
    )
    stack = Stack.new(cloud, template(Alarm=math)).wait()

    (described,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert described["Metrics"] == queries
    assert "MetricName" not in described
    assert described["StateValue"] == "INSUFFICIENT_DATA"  # nothing evaluates it

    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="By hand.")
    (event,) = events(name)
    share, errors = event["detail"]["configuration"]["metrics"]
    assert share["expression"] == "100 * errors"
    assert errors["metricStat"]["metric"]["name"] == "Errors"

    stack.delete()
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
