"""Contract tests of the repairs of CloudFormation; each fails without its repair."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, WaiterError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.stacks import Stack, Template, resource, tags, template


def test_a_log_group_without_a_name_is_named_after_its_stack(cloud: LocalCloud) -> None:
    def logs(**properties: Any) -> Template:
        return template(Logs=resource("AWS::Logs::LogGroup", **properties))

    def groups() -> list[str]:
        found = cloud.client("logs").describe_log_groups()["logGroups"]
        return [group["logGroupName"] for group in found if stack.name in group["logGroupName"]]

    stack = Stack.new(cloud, logs(RetentionInDays=1)).wait()
    created = groups()
    assert len(created) == 1 and created[0].startswith(f"{stack.name}-Logs-")

    stack.update(logs(RetentionInDays=3))
    assert groups() == created
    stack.update(logs(LogGroupName=f"its-own-{stack.name}"))
    assert groups() == [f"its-own-{stack.name}"]

    stack.update(logs(RetentionInDays=1))
    (group,) = groups()
    assert group.startswith(f"{stack.name}-Logs-") and group not in created

    stack.delete()
    assert groups() == []


def test_a_log_group_that_is_named_after_a_role_is_a_new_one_for_each_stack(
    cloud: LocalCloud,
) -> None:
    logs, prefix = cloud.client("logs"), f"/aws/{uuid.uuid4().hex}"
    group = resource("AWS::Logs::LogGroup", LogGroupName={"Fn::Sub": prefix + "/${Role}"})
    trust = {"Version": "2012-10-17", "Statement": []}

    def roles(**values: str) -> Template:
        role = resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust, Tags=tags(**values))
        return template(Role=role, Logs={**group, "DeletionPolicy": "Retain"})

    def groups() -> list[str]:
        found = logs.describe_log_groups(logGroupNamePrefix=f"{prefix}/")["logGroups"]
        return [each["logGroupName"] for each in found]

    stack = Stack.new(cloud, roles())
    for retained in (0, 1):
        if retained:
            stack.create(roles())
        stack.wait()
        stack.update(roles(first="1"))
        assert len(groups()) == retained + 1
        stack.delete()

    for each in groups():
        assert each.startswith(f"{prefix}/{stack.name}-Role-")
        logs.delete_log_group(logGroupName=each)


def test_a_log_group_that_exists_is_not_created_again(cloud: LocalCloud) -> None:
    logs, name = cloud.client("logs"), f"taken-{uuid.uuid4().hex[:12]}"
    logs.create_log_group(logGroupName=name)

    stack = Stack.new(cloud, template(Logs=resource("AWS::Logs::LogGroup", LogGroupName=name)))
    with pytest.raises(WaiterError, match="ROLLBACK"):
        stack.wait()

    assert any(f"'{name}' already exists" in reason for reason in stack.reasons())
    stack.delete()
    logs.delete_log_group(logGroupName=name)


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
    name = f"export-{uuid.uuid4().hex[:12]}"

    def parameter(value: Any) -> Template:
        return template(Parameter=resource("AWS::SSM::Parameter", Type="String", Value=value))

    def exporting(exported: dict[str, str] | None) -> Template:
        # The parameter changes as the export does, so that each template is an update.
        outputs = {"Out": {**exported, "Export": {"Name": name}}} if exported else {}
        return {**parameter(json.dumps(exported)), "Outputs": outputs}

    exporter = Stack.new(cloud, exporting({"Value": "one"})).wait()
    importer = Stack.new(cloud, parameter({"Fn::ImportValue": name})).wait()

    exporter.update(exporting(export), "stack_rollback_complete")
    assert refusal.format(name, importer.name) in exporter.reasons()

    importer.delete()
    exporter.update(exporting(export))
    exporter.delete()


@dataclass(frozen=True)
class CustomResource:
    """A custom resource whose requests go to a queue; only `answer` answers them."""

    sqs: Any
    queue: str
    function: str

    def template(self, **properties: str) -> Template:
        """Return the custom resource, and a bucket that is created after it."""
        return template(
            Custom=resource("Custom::Slow", ServiceToken=self.function, **properties),
            After={"Type": "AWS::S3::Bucket", "DependsOn": "Custom"},
        )

    def request(self) -> dict[str, Any]:
        """Return the next request."""
        (message,) = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20)["Messages"]
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        request: dict[str, Any] = json.loads(message["Body"])
        return request

    def answer(self, request: dict[str, Any]) -> None:
        """Report success to CloudFormation."""
        copied = {key: request[key] for key in ("RequestId", "StackId", "LogicalResourceId")}
        physical_id = request.get("PhysicalResourceId", "named-by-its-create")
        body = {**copied, "Status": "SUCCESS", "PhysicalResourceId": physical_id}
        put = Request(request["ResponseURL"], json.dumps(body).encode(), method="PUT")
        urlopen(put).close()

    def deleted_with(self, stack: Stack) -> None:
        stack.cloudformation.delete_stack(StackName=stack.name)
        self.answer(self.request())
        stack.wait("stack_delete_complete")


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
    stack = Stack.new(cloud, custom_resource.template(DieOnce=str(tmp_path / "died")))

    custom_resource.answer(custom_resource.request())

    stack.wait()
    assert (tmp_path / "died").exists()
    custom_resource.deleted_with(stack)


def test_a_stack_that_is_deleted_while_it_is_created_deletes_what_is_in_flight(
    cloud: LocalCloud, custom_resource: CustomResource
) -> None:
    stack = Stack.new(cloud, custom_resource.template(Told="this"))
    created = custom_resource.request()

    stack.cloudformation.delete_stack(StackName=stack.name)
    deleted = custom_resource.request()
    custom_resource.answer(deleted)
    stack.wait("stack_delete_complete", name=created["StackId"])

    assert (created["RequestType"], deleted["RequestType"]) == ("Create", "Delete")
    assert deleted["ResourceProperties"] == created["ResourceProperties"]
    assert deleted["ResourceProperties"]["Told"] == "this"
    assert deleted["PhysicalResourceId"].startswith(f"{stack.name}-Custom-")
    events = stack.cloudformation.describe_stack_events(StackName=created["StackId"])["StackEvents"]
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
    stack = Stack.new(cloud, custom_resource.template())
    custom_resource.answer(custom_resource.request())
    stack.wait()
    stack.update(custom_resource.template(Told="another"), state="")
    update = custom_resource.request()

    with pytest.raises(ClientError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        stack.cloudformation.delete_stack(StackName=stack.name)

    custom_resource.answer(update)
    stack.wait("stack_update_complete")
    custom_resource.deleted_with(stack)
