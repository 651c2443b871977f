"""Contract tests of the repairs of CloudFormation; each fails without its repair."""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, WaiterError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE


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


def test_a_log_group_without_a_name_is_named_after_its_stack(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation")
    name = f"logs-{uuid.uuid4().hex[:12]}"

    def template(**properties: Any) -> str:
        group = {"Type": "AWS::Logs::LogGroup", "Properties": properties}
        return json.dumps({"Resources": {"Logs": group}})

    def groups() -> list[str]:
        found = cloud.client("logs").describe_log_groups()["logGroups"]
        return [group["logGroupName"] for group in found if name in group["logGroupName"]]

    cloudformation.create_stack(StackName=name, TemplateBody=template(RetentionInDays=1))
    _wait(cloudformation, name, "stack_create_complete")
    created = groups()
    assert len(created) == 1 and created[0].startswith(f"{name}-Logs-")

    for properties, wanted in (
        ({"RetentionInDays": 3}, created),
        ({"LogGroupName": f"its-own-{name}"}, [f"its-own-{name}"]),
    ):
        cloudformation.update_stack(StackName=name, TemplateBody=template(**properties))
        _wait(cloudformation, name, "stack_update_complete")
        assert groups() == wanted

    cloudformation.update_stack(StackName=name, TemplateBody=template(RetentionInDays=1))
    _wait(cloudformation, name, "stack_update_complete")
    (group,) = groups()
    assert group.startswith(f"{name}-Logs-") and group not in created

    cloudformation.delete_stack(StackName=name)
    _wait(cloudformation, name, "stack_delete_complete")
    assert groups() == []


def test_a_log_group_that_is_named_after_a_role_is_a_new_one_for_each_stack(
    cloud: LocalCloud,
) -> None:
    cloudformation, logs = cloud.client("cloudformation"), cloud.client("logs")
    name = f"roles-{uuid.uuid4().hex[:12]}"
    trust = {"Version": "2012-10-17", "Statement": []}
    properties = {"AssumeRolePolicyDocument": trust}
    group = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": {"Fn::Sub": "/aws/" + name + "/${Role}"}},
        "DeletionPolicy": "Retain",
    }

    def template(**tags: str) -> str:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        role = {"Type": "AWS::IAM::Role", "Properties": {**properties, "Tags": listed}}
        return json.dumps({"Resources": {"Role": role, "Logs": group}})

    def groups() -> list[str]:
        found = logs.describe_log_groups(logGroupNamePrefix=f"/aws/{name}/")["logGroups"]
        return [each["logGroupName"] for each in found]

    stack = {"StackName": name, "Capabilities": ["CAPABILITY_IAM"]}
    for retained in (0, 1):
        cloudformation.create_stack(**stack, TemplateBody=template())
        _wait(cloudformation, name, "stack_create_complete")
        cloudformation.update_stack(**stack, TemplateBody=template(first="1"))
        _wait(cloudformation, name, "stack_update_complete")
        assert len(groups()) == retained + 1
        cloudformation.delete_stack(StackName=name)
        _wait(cloudformation, name, "stack_delete_complete")

    for each in groups():
        assert each.startswith(f"/aws/{name}/{name}-Role-")
        logs.delete_log_group(logGroupName=each)


def test_a_log_group_that_exists_is_not_created_again(cloud: LocalCloud) -> None:
    cloudformation, logs = cloud.client("cloudformation"), cloud.client("logs")
    name = f"taken-{uuid.uuid4().hex[:12]}"
    logs.create_log_group(logGroupName=name)
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}

    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Logs": group}})
    )
    with pytest.raises(WaiterError, match="ROLLBACK"):
        _wait(cloudformation, name, "stack_create_complete")

    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert any(f"'{name}' already exists" in reason for reason in reasons)
    cloudformation.delete_stack(StackName=name)
    logs.delete_log_group(logGroupName=name)


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
            "Role": ROLE,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Code": {"ZipFile": "import os\ndef handler(event, context): return os.getpid()"},
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


@pytest.mark.parametrize(
    ("export", "refusal"),
    [
        ({"Value": "other"}, "Export {} cannot be updated as it is in use by {}"),
        (None, "Export {} cannot be deleted as it is in use by {}"),
    ],
)
def test_an_export_in_use_stays_as_it_is(
    cloud: LocalCloud, export: dict[str, str] | None, refusal: str
) -> None:
    cloudformation = cloud.client("cloudformation")
    exporter, importer = (f"{kind}-{uuid.uuid4().hex[:12]}" for kind in ("exporter", "importer"))

    def template(exported: dict[str, str] | None) -> str:
        # The parameter changes as the export does, so that each template is an update.
        outputs = {"Out": {**exported, "Export": {"Name": exporter}}} if exported else {}
        value = json.dumps(exported)
        resource = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
        return json.dumps({"Resources": {"Parameter": resource}, "Outputs": outputs})

    def reasons() -> list[str]:
        events = cloudformation.describe_stack_events(StackName=exporter)["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in events]

    value = {"Fn::ImportValue": exporter}
    imported = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    cloudformation.create_stack(StackName=exporter, TemplateBody=template({"Value": "one"}))
    _wait(cloudformation, exporter, "stack_create_complete")
    cloudformation.create_stack(
        StackName=importer, TemplateBody=json.dumps({"Resources": {"Imported": imported}})
    )
    _wait(cloudformation, importer, "stack_create_complete")

    cloudformation.update_stack(StackName=exporter, TemplateBody=template(export))
    _wait(cloudformation, exporter, "stack_rollback_complete")
    assert refusal.format(exporter, importer) in reasons()

    cloudformation.delete_stack(StackName=importer)
    _wait(cloudformation, importer, "stack_delete_complete")
    cloudformation.update_stack(StackName=exporter, TemplateBody=template(export))
    _wait(cloudformation, exporter, "stack_update_complete")
    cloudformation.delete_stack(StackName=exporter)


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
import boto3, json, os
def handler(event, context):
    marker = event["ResourceProperties"].get("DieOnce")
    if marker and not os.path.exists(marker):
        open(marker, "w").close()
        os._exit(1)
    boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=json.dumps(event))
"""
    yield CustomResource(sqs, url, functions.python(source))
    sqs.delete_queue(QueueUrl=url)


def test_a_custom_resource_whose_process_dies_is_asked_again(
    cloud: LocalCloud, custom_resource: CustomResource, tmp_path: Path
) -> None:
    cloudformation = cloud.client("cloudformation")
    name = f"died-{uuid.uuid4().hex[:12]}"
    cloudformation.create_stack(
        StackName=name, TemplateBody=custom_resource.template(DieOnce=str(tmp_path / "died"))
    )

    custom_resource.answer(custom_resource.request())

    _wait(cloudformation, name, "stack_create_complete")
    assert (tmp_path / "died").exists()
    cloudformation.delete_stack(StackName=name)
    custom_resource.answer(custom_resource.request())
    _wait(cloudformation, name, "stack_delete_complete")


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


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    return True
