"""One contract test for each repair of the emulator; each fails without its repair."""

import json
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, WaiterError

from localcloud.launcher import LocalCloud

# --- Resources of stacks ----------------------------------------------------------------------


def test_a_bucket_of_a_stack_has_its_tags(cloud: LocalCloud) -> None:
    cloudformation, s3 = cloud.client("cloudformation"), cloud.client("s3")
    name = f"tags-{uuid.uuid4().hex[:12]}"

    def template(**tags: str) -> str:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, "Tags": listed}}
        return json.dumps({"Resources": {"Bucket": bucket}})

    def tags() -> dict[str, str]:
        found = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    cloudformation.create_stack(StackName=name, TemplateBody=template(first="1"))
    _wait(cloudformation, name, "stack_create_complete")
    assert tags() == {"first": "1"}

    cloudformation.update_stack(StackName=name, TemplateBody=template(first="2", second="3"))
    _wait(cloudformation, name, "stack_update_complete")
    assert tags() == {"first": "2", "second": "3"}

    cloudformation.delete_stack(StackName=name)


def test_a_bucket_that_holds_objects_is_not_deleted(cloud: LocalCloud) -> None:
    cloudformation, s3 = cloud.client("cloudformation"), cloud.client("s3")
    name = f"full-{uuid.uuid4().hex[:12]}"
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Bucket": bucket}})
    )
    _wait(cloudformation, name, "stack_create_complete")
    s3.put_object(Bucket=name, Key="picture", Body=b"")

    cloudformation.delete_stack(StackName=name)
    with pytest.raises(WaiterError, match="DELETE_FAILED"):
        _wait(cloudformation, name, "stack_delete_complete")
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any("not empty: it holds 1 objects" in reason for reason in reasons)

    s3.delete_object(Bucket=name, Key="picture")
    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, name, "stack_delete_complete")


def test_a_function_of_a_deleted_stack_leaves_no_worker(cloud: LocalCloud, functions: Any) -> None:
    cloudformation = cloud.client("cloudformation")
    name = f"function-{uuid.uuid4().hex[:12]}"
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name,
            "Role": "arn:aws:iam::000000000000:role/any",
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Code": {"ZipFile": REPORTS_PROCESS},
        },
    }
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Function": function}})
    )
    _wait(cloudformation, name, "stack_create_complete")
    process = functions.invoke(name)["payload"]

    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, name, "stack_delete_complete")

    assert not _alive(process)


def test_a_call_that_outlives_its_function_makes_no_log_group(
    cloud: LocalCloud, functions: Any
) -> None:
    source = """
import boto3
def handler(event, context):
    print("gone")
    boto3.client("lambda").delete_function(FunctionName=context.function_name)
"""
    functions.invoke(functions.python(source))

    name = functions.names.pop()
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    assert found["logGroups"] == []


@dataclass(frozen=True)
class CustomResource:
    """A custom resource whose requests go to a queue; nobody but `answer` answers them."""

    sqs: Any
    queue: str
    function: str

    def template(self, **properties: str) -> str:
        """The custom resource, and a bucket that is created after it."""
        resources = {
            "Custom": {
                "Type": "Custom::Slow",
                "Properties": {"ServiceToken": self.function, **properties},
            },
            "After": {"Type": "AWS::S3::Bucket", "DependsOn": "Custom"},
        }
        return json.dumps({"Resources": resources})

    def request(self) -> dict[str, Any]:
        """The next request it gets."""
        (message,) = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20)["Messages"]
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        request: dict[str, Any] = json.loads(message["Body"])
        return request

    def answer(self, request: dict[str, Any]) -> None:
        """Tell CloudFormation that it is done."""
        copied = {key: request[key] for key in ("RequestId", "StackId", "LogicalResourceId")}
        physical_id = request.get("PhysicalResourceId", "named-by-its-create")
        body = {**copied, "Status": "SUCCESS", "PhysicalResourceId": physical_id}
        put = Request(request["ResponseURL"], json.dumps(body).encode(), method="PUT")
        urlopen(put).close()


@pytest.fixture
def custom_resource(cloud: LocalCloud, functions: Any) -> Iterator[CustomResource]:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"requests-{uuid.uuid4().hex[:12]}")["QueueUrl"]
    source = f"""
import boto3, json
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=json.dumps(event))
"""
    yield CustomResource(sqs, url, functions.python(source))
    sqs.delete_queue(QueueUrl=url)


def test_a_stack_that_is_deleted_while_it_is_created_deletes_what_is_in_flight(
    cloud: LocalCloud, custom_resource: CustomResource
) -> None:
    cloudformation = cloud.client("cloudformation")
    name = f"deleted-early-{uuid.uuid4().hex[:12]}"
    stack = cloudformation.create_stack(
        StackName=name, TemplateBody=custom_resource.template(Told="this")
    )["StackId"]
    created = custom_resource.request()

    cloudformation.delete_stack(StackName=name)
    deleted = custom_resource.request()
    custom_resource.answer(deleted)
    _wait(cloudformation, stack, "stack_delete_complete")

    assert (created["RequestType"], deleted["RequestType"]) == ("Create", "Delete")
    assert deleted["ResourceProperties"] == created["ResourceProperties"]
    assert deleted["ResourceProperties"]["Told"] == "this"
    assert deleted["PhysicalResourceId"].startswith(f"{name}-Custom-")
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert [
        (event["ResourceStatus"], event["ResourceStatusReason"])
        for event in reversed(events)
        if event["LogicalResourceId"] == "Custom"
    ] == [
        ("CREATE_IN_PROGRESS", ""),
        ("CREATE_FAILED", "Resource creation cancelled"),
        ("DELETE_IN_PROGRESS", ""),
        ("DELETE_COMPLETE", ""),
    ]
    assert "After" not in {event["LogicalResourceId"] for event in events}


def test_a_stack_is_not_deleted_while_it_is_updated(
    cloud: LocalCloud, custom_resource: CustomResource
) -> None:
    cloudformation = cloud.client("cloudformation")
    name = f"updated-{uuid.uuid4().hex[:12]}"
    cloudformation.create_stack(StackName=name, TemplateBody=custom_resource.template())
    custom_resource.answer(custom_resource.request())
    _wait(cloudformation, name, "stack_create_complete")
    cloudformation.update_stack(
        StackName=name, TemplateBody=custom_resource.template(Told="another")
    )
    update = custom_resource.request()

    with pytest.raises(ClientError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        cloudformation.delete_stack(StackName=name)

    custom_resource.answer(update)
    _wait(cloudformation, name, "stack_update_complete")
    cloudformation.delete_stack(StackName=name)
    custom_resource.answer(custom_resource.request())
    _wait(cloudformation, name, "stack_delete_complete")


def _wait(cloudformation: Any, stack: str, state: str) -> None:
    cloudformation.get_waiter(state).wait(
        StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


# --- What a handler raises or returns ---------------------------------------------------------

RAISES = """
class NotSureEnough(Exception):
    pass

def handler(event, context):
    raise NotSureEnough("0.4 is below 0.93")
"""


def test_a_python_error_has_the_name_of_its_class(functions: Any) -> None:
    answer = functions.invoke(functions.python(RAISES))

    assert answer["error"] == "Unhandled"
    assert answer["payload"]["errorType"] == "NotSureEnough"
    assert answer["payload"]["errorMessage"] == "0.4 is below 0.93"
    (frame,) = answer["payload"]["stackTrace"]
    assert 'raise NotSureEnough("0.4 is below 0.93")' in frame


def test_a_node_error_has_its_name(functions: Any) -> None:
    source = """
    class NotSureEnough extends Error { name = "NotSureEnough" }
    exports.handler = async () => { throw new NotSureEnough("0.4 is below 0.93") }
    """

    answer = functions.invoke(functions.node(source))

    assert answer["error"] == "Unhandled"
    assert answer["payload"]["errorType"] == "NotSureEnough"
    assert answer["payload"]["errorMessage"] == "0.4 is below 0.93"


def test_a_worker_survives_an_error_of_its_handler(functions: Any) -> None:
    source = """
import os
def handler(event, context):
    if event == "fail":
        raise ValueError("asked to")
    return os.getpid()
"""
    function = functions.python(source)
    before = functions.invoke(function)["payload"]
    assert functions.invoke(function, "fail")["error"] == "Unhandled"

    assert functions.invoke(function)["payload"] == before


@pytest.mark.parametrize("optimized", [True, False], ids=["lambda:invoke", "function ARN"])
def test_a_state_machine_catches_an_error_by_name(
    functions: Any, execute: Any, optimized: bool
) -> None:
    function = functions.python(RAISES)
    task = (
        {
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": function, "Payload.$": "$"},
        }
        if optimized
        else {"Resource": function}
    )
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": {
                "Type": "Task",
                **task,
                "Catch": [{"ErrorEquals": ["NotSureEnough"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        },
    }

    result = execute(definition, {})

    assert result["status"] == "SUCCEEDED"
    output = json.loads(result["output"])
    assert output["Error"] == "NotSureEnough"
    assert json.loads(output["Cause"])["errorMessage"] == "0.4 is below 0.93"


def test_bytes_in_a_result_are_text(functions: Any) -> None:
    source = """
import base64
def handler(event, context):
    return {"body": {"image_data": base64.b64encode(b"picture")}}
"""

    assert functions.invoke(functions.python(source))["payload"] == {
        "body": {"image_data": "cGljdHVyZQ=="}
    }


def test_a_result_that_is_not_json_is_a_marshal_error(functions: Any) -> None:
    source = """
def handler(event, context):
    return {"when": object()}
"""

    payload = functions.invoke(functions.python(source))["payload"]

    assert payload["errorType"] == "Runtime.MarshalError"
    assert "Unable to marshal response" in payload["errorMessage"]


# --- /tmp -------------------------------------------------------------------------------------


def test_workers_do_not_share_their_tmp(cloud: LocalCloud, functions: Any) -> None:
    bucket = f"pictures-{uuid.uuid4().hex[:12]}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    for number in range(24):
        s3.put_object(Bucket=bucket, Key=str(number), Body=str(number).encode())
    source = f"""
import boto3, time
s3 = boto3.client("s3")
def handler(event, context):
    s3.download_file("{bucket}", str(event), "/tmp/picture.png")
    time.sleep(0.05)
    with open("/tmp/picture.png") as picture:
        return int(picture.read())
"""
    function = functions.python(source)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda number: functions.invoke(function, number), range(24)))

    assert [answer["payload"] for answer in answers] == list(range(24))
    assert not Path("/tmp/picture.png").exists()


# --- Workers ----------------------------------------------------------------------------------

REPORTS_PROCESS = """
import os, time
def handler(event, context):
    time.sleep(0.05)
    return os.getpid()
"""


def test_a_function_has_at_most_eight_workers_and_serves_every_call(functions: Any) -> None:
    function = functions.python(REPORTS_PROCESS)

    with ThreadPoolExecutor(40) as callers:
        answers = list(callers.map(lambda _: functions.invoke(function), range(120)))

    assert [answer["error"] for answer in answers] == [None] * 120
    assert 1 < len({answer["payload"] for answer in answers}) <= 8


def test_a_function_that_calls_itself_does_not_wait_for_itself(functions: Any) -> None:
    source = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    if event == 0:
        return 0
    answer = client.invoke(FunctionName=context.function_name, Payload=json.dumps(event - 1))
    return 1 + json.load(answer["Payload"])
"""
    function = functions.python(source)

    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: functions.invoke(function, 1), range(12)))

    assert [answer["payload"] for answer in answers] == [1] * 12


def test_other_requests_are_served_while_calls_wait(cloud: LocalCloud, functions: Any) -> None:
    function = functions.python("import time\ndef handler(event, context): time.sleep(2)\n")
    with ThreadPoolExecutor(24) as callers:
        # Eight at a time, two seconds each: the last eight wait for four seconds at least.
        calls = [callers.submit(functions.invoke, function) for _ in range(24)]
        cloud.client("sns").list_topics()
        assert not any(call.done() for call in calls), "the other request waited for a call"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    return True


# --- 256 KiB of state -------------------------------------------------------------------------

LIMIT = 262_144


def _returning(size: int) -> str:
    # A JSON string of that many bytes, with its two quotation marks.
    return f"def handler(event, context):\n    return 'x' * ({size} - 2)\n"


def test_a_result_of_exactly_256_kib_passes(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT))
    machine = {
        "StartAt": "Large",
        "States": {"Large": {"Type": "Task", "Resource": function, "End": True}},
    }

    assert execute(machine, {})["status"] == "SUCCEEDED"


def test_a_larger_result_fails_and_only_its_name_catches_it(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT + 1))

    def machine(caught: str) -> dict[str, Any]:
        catch = [{"ErrorEquals": [caught], "Next": "Caught"}]
        return {
            "StartAt": "Large",
            "States": {
                "Large": {"Type": "Task", "Resource": function, "Catch": catch, "End": True},
                "Caught": {"Type": "Succeed"},
            },
        }

    by_wildcard = execute(machine("States.ALL"), {})
    assert by_wildcard["status"] == "FAILED"
    assert by_wildcard["error"] == "States.DataLimitExceeded"
    assert execute(machine("States.DataLimitExceeded"), {})["status"] == "SUCCEEDED"


def test_the_collected_results_of_a_map_count_as_one_output(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(100_000))
    each = {"Type": "Task", "Resource": function, "End": True}
    machine = {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}},
                "End": True,
            }
        },
    }

    assert execute(machine, [1, 2])["status"] == "SUCCEEDED"
    result = execute(machine, [1, 2, 3])
    assert (result["status"], result["error"]) == ("FAILED", "States.DataLimitExceeded")
