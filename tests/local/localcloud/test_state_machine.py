"""The emulator runs the kind of state machine that the workflow stack deploys.

JSONata, an inline Map of Lambda tasks with Retry and Catch inside it, Choice, SNS, Fail; with
logging and tracing configured, created by CloudFormation.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.inbox import Inbox
from tests.local.localcloud.roles import ROLE

CLASSIFY = """
class NotSureEnough(Exception):
    pass

class Throttled(Exception):
    pass

attempts = {}

def handler(event, context):
    name = event["name"]
    attempts[name] = attempts.get(name, 0) + 1
    if name == "unsure":
        raise NotSureEnough("0.4 is below 0.93")
    if name == "throttled" and attempts[name] == 1:
        raise Throttled("once")
    return {"statusCode": 200, "body": {"name": name, "attempts": attempts[name]}}
"""


def definition(function: str, topic: str) -> dict[str, Any]:
    classify = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "Retry": [
            {
                "ErrorEquals": ["Throttled", "Lambda.ServiceException"],
                "IntervalSeconds": 1,
                "MaxAttempts": 3,
                "BackoffRate": 2,
                "MaxDelaySeconds": 5,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": [
            {
                "ErrorEquals": ["States.ALL"],
                "Output": {
                    "statusCode": 500,
                    "name": "{% $states.input.name %}",
                    "error": "{% $states.errorOutput.Error %}",
                    "cause": "{% $parse($states.errorOutput.Cause).errorMessage %}",
                },
                "Next": "Failed",
            }
        ],
        "End": True,
    }
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "Items": "{% $states.input.images %}",
                "MaxConcurrency": 40,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Classify",
                    "States": {"Classify": classify, "Failed": {"Type": "Pass", "End": True}},
                },
                "Assign": {"failed": "{% [$states.result[statusCode != 200]] %}"},
                "Next": "Any failed?",
            },
            "Any failed?": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $count($failed) > 0 %}", "Next": "Notify"}],
                "Default": "Done",
            },
            "Notify": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sns:publish",
                "Arguments": {
                    "TopicArn": topic,
                    "Subject": "{% $count($failed) & ' not classified' %}",
                    "Message": "{% $string($failed) %}",
                },
                "Output": "{% $states.input %}",
                "Next": "Stop",
            },
            "Stop": {
                "Type": "Fail",
                "Error": "NotAllAccepted",
                "Cause": "{% $string($failed[0].name) & ': ' & $failed[0].cause %}",
            },
            "Done": {"Type": "Succeed"},
        },
    }


@pytest.fixture
def topic(cloud: LocalCloud) -> str:
    return str(cloud.client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:12]}")["TopicArn"])


@pytest.fixture
def inbox(cloud: LocalCloud, topic: str) -> str:
    """URL of a queue that receives what the topic publishes."""
    sqs = cloud.client("sqs")
    created = Inbox.create(sqs, f"q-{uuid.uuid4().hex[:12]}")
    cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=created.arn, ReturnSubscriptionArn=True
    )
    return created.url


@pytest.fixture
def machine(cloud: LocalCloud, functions: Any, topic: str) -> Iterator[str]:
    """ARN of the state machine, created by CloudFormation."""
    name = f"machine-{uuid.uuid4().hex[:12]}"
    template = {
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": ROLE,
                    "DefinitionString": json.dumps(definition(functions.python(CLASSIFY), topic)),
                    "LoggingConfiguration": {
                        "Level": "ERROR",
                        "Destinations": [
                            {
                                "CloudWatchLogsLogGroup": {
                                    "LogGroupArn": {"Fn::GetAtt": ["Logs", "Arn"]}
                                }
                            }
                        ],
                    },
                    "TracingConfiguration": {"Enabled": True},
                },
            },
        },
        "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}},
    }
    client = cloud.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    yield stack["Outputs"][0]["OutputValue"]
    client.delete_stack(StackName=name)


def _images(*names: str) -> dict[str, Any]:
    return {"images": [{"name": name} for name in names]}


def test_every_item_has_its_result_in_order(run: Any, machine: str) -> None:
    names = [f"picture {number}" for number in range(60)]

    result = run(machine, _images(*names))

    assert result["status"] == "SUCCEEDED", result
    assert [item["body"]["name"] for item in json.loads(result["output"])] == names


def test_an_error_is_retried_by_its_name(run: Any, machine: str) -> None:
    result = run(machine, _images("throttled"))

    assert result["status"] == "SUCCEEDED", result
    assert json.loads(result["output"])[0]["body"]["attempts"] == 2


def test_a_caught_error_is_published_and_fails_the_execution(
    cloud: LocalCloud, run: Any, machine: str, inbox: str
) -> None:
    result = run(machine, _images("good", "unsure", "good"))

    assert (result["status"], result["error"]) == ("FAILED", "NotAllAccepted")
    assert result["cause"] == "unsure: 0.4 is below 0.93"
    received = cloud.client("sqs").receive_message(QueueUrl=inbox, WaitTimeSeconds=5)["Messages"]
    (envelope,) = [json.loads(message["Body"]) for message in received]
    assert envelope["Subject"] == "1 not classified"
    assert json.loads(envelope["Message"]) == [
        {
            "statusCode": 500,
            "name": "unsure",
            "error": "NotSureEnough",
            "cause": "0.4 is below 0.93",
        }
    ]


def test_the_history_tells_how_it_went(cloud: LocalCloud, run: Any, machine: str) -> None:
    result = run(machine, _images("good"))

    events = cloud.client("stepfunctions").get_execution_history(
        executionArn=result["executionArn"]
    )["events"]
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for event in events
        if "stateEnteredEventDetails" in event
    ]
    assert entered == ["Each", "Classify", "Any failed?", "Done"]
    assert events[-1]["type"] == "ExecutionSucceeded"
