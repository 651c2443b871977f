"""Tasks are judged as the role of their state machine, EventBridge as that of its target."""

import json
import uuid
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.distributed_map import ECHO, distributed, machine, task, writer
from tests.local.localcloud.roles import denial, statement
from tests.local.waiting import wait

ACCOUNT = "us-east-1:000000000000"
SESSION = "StepFunctions"
FUNCTION = f"arn:aws:lambda:{ACCOUNT}:function:gone"
TOPIC = f"arn:aws:sns:{ACCOUNT}:gone"
JOB = f"arn:aws:sagemaker:{ACCOUNT}:transform-job/one"
TRANSFORM = {
    "TransformJobName": "one",
    "ModelName": "gone",
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}
    },
    "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}


@pytest.fixture
def execute_as(cloud: LocalCloud, run: Any) -> Any:
    """Runs a definition as a role; returns the described execution."""
    client = cloud.client("stepfunctions")
    machines: list[str] = []

    def execute(role: str, definition: dict[str, Any], data: Any = None) -> Any:
        name = f"m-{uuid.uuid4().hex[:12]}"
        created = client.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role
        )
        machines.append(created["stateMachineArn"])
        return run(machines[-1], data)

    yield execute
    for arn in machines:
        client.delete_state_machine(stateMachineArn=arn)


MAP_RUN = f"arn:aws:states:{ACCOUNT}:mapRun:m/Map:1"


@pytest.mark.parametrize(
    ("call", "grant", "errors"),
    [
        (
            ("lambda:invoke", {"FunctionName": FUNCTION}),
            ("lambda:InvokeFunction", FUNCTION),
            ("Lambda.AWSLambdaException", "Lambda.ResourceNotFoundException"),
        ),
        (
            ("sns:publish", {"TopicArn": TOPIC, "Message": "hello"}),
            ("sns:Publish", TOPIC),
            ("SNS.AuthorizationErrorException", "SNS.PublishFailed"),
        ),
        (
            ("aws-sdk:ssm:getParameter", {"Name": "/gone"}),
            ("ssm:GetParameter", f"arn:aws:ssm:{ACCOUNT}:parameter/gone"),
            ("Ssm.SsmException", "Ssm.ParameterNotFound"),
        ),
        (
            ("sagemaker:createTransformJob.sync", TRANSFORM),
            ("sagemaker:CreateTransformJob", JOB),
            ("SageMaker.AmazonSageMakerException", "SageMaker.AmazonSageMakerException"),
        ),
        (
            ("aws-sdk:sfn:describeMapRun", {"MapRunArn": MAP_RUN}),
            ("states:DescribeMapRun", MAP_RUN),
            ("Sfn.SfnException", "Sfn.ResourceNotFound"),
        ),
    ],
)
def test_a_task_fails_unless_the_role_may_do_it(
    role: Any, execute_as: Any, call: Any, grant: tuple[str, str], errors: tuple[str, str]
) -> None:
    definition = machine(task(*call))
    nothing, enough = role(), role(statement(*grant))

    denied = execute_as(nothing, definition)
    assert (denied["status"], denied["error"]) == ("FAILED", errors[0])
    assert denied["cause"] == denial(nothing, *grant, session=SESSION)

    # What it calls does not exist: the call was made.
    made = execute_as(enough, definition)
    assert made["error"] == errors[1]
    assert "not authorized" not in made["cause"]


def test_a_job_with_tags_needs_the_grant_for_them(role: Any, execute_as: Any) -> None:
    tagged = {**TRANSFORM, "Tags": [{"Key": "project", "Value": "scones"}]}
    arn = role(statement("sagemaker:CreateTransformJob", JOB))

    denied = execute_as(arn, machine(task("sagemaker:createTransformJob", tagged)))

    assert denied["cause"] == denial(arn, "sagemaker:AddTags", JOB, session=SESSION)


def test_a_task_that_waits_for_an_answer_is_judged(role: Any, execute_as: Any) -> None:
    message = {"QueueUrl": "http://127.0.0.1/000000000000/gone", "MessageBody": "hello"}
    waiting = task("sqs:sendMessage.waitForTaskToken", message, TimeoutSeconds=10)
    arn = role()

    denied = execute_as(arn, machine(waiting))

    queue = f"arn:aws:sqs:{ACCOUNT}:gone"
    assert denied["cause"] == denial(arn, "sqs:SendMessage", queue, session=SESSION)


class TestDistributedMap:
    CHILDREN = statement("states:StartExecution", "*")

    @staticmethod
    def state(bucket: str, reader: str, **arguments: str) -> dict[str, Any]:
        """Reads items of the bucket, and writes results to it."""
        return distributed(
            ItemReader={
                "Resource": f"arn:aws:states:::s3:{reader}",
                "ReaderConfig": {"InputType": "JSON"} if reader == "getObject" else {},
                "Arguments": {"Bucket": bucket, **arguments},
            },
            ResultWriter=writer(bucket, "results"),
        )

    @pytest.mark.parametrize(
        ("reader", "grant"),
        [
            ({"reader": "getObject", "Key": "there"}, ("s3:GetObject", "/there")),
            ({"reader": "listObjectsV2", "Prefix": "the"}, ("s3:ListBucket", "")),
        ],
    )
    def test_its_reader_and_its_writer_are_the_role_too(
        self, role: Any, execute_as: Any, bucket: str, reader: Any, grant: tuple[str, str]
    ) -> None:
        definition = machine(self.state(bucket, **reader))
        action, suffix = grant
        source = f"arn:aws:s3:::{bucket}{suffix}"
        blind, mute = role(self.CHILDREN), role(self.CHILDREN, statement(action, source))
        writing = statement("s3:PutObject", f"arn:aws:s3:::{bucket}/results/*")
        enough = role(self.CHILDREN, statement(action, source), writing)

        unread = execute_as(blind, definition)
        assert unread["error"] == "States.ItemReaderFailed"
        assert unread["cause"] == denial(blind, action, source, session=SESSION)
        unwritten = execute_as(mute, definition)
        assert unwritten["error"] == "States.ResultWriterFailed"
        assert f"s3:PutObject on resource: arn:aws:s3:::{bucket}/results/" in unwritten["cause"]
        assert execute_as(enough, definition)["status"] == "SUCCEEDED"

    def test_it_starts_its_children_as_the_role(
        self, role: Any, execute_as: Any, bucket: str
    ) -> None:
        arn = role(statement("s3:*", "*"))

        denied = execute_as(arn, machine(self.state(bucket, "getObject", Key="there")))

        assert "is not authorized to perform: states:StartExecution" in denied["cause"]

    def test_the_tasks_of_its_children_are_judged(self, role: Any, execute_as: Any) -> None:
        call = task("lambda:invoke", {"FunctionName": FUNCTION})
        arn = role(self.CHILDREN)

        result = execute_as(arn, machine(distributed(call, Items=[1], ToleratedFailureCount=1)))

        assert result["status"] == "SUCCEEDED"


def test_eventbridge_starts_an_execution_only_if_the_role_of_the_target_may(
    cloud: LocalCloud, role: Any, create: Any
) -> None:
    events, states = cloud.client("events"), cloud.client("stepfunctions")
    refused, started = (create(machine(ECHO)) for _ in range(2))
    arn = role(statement("states:StartExecution", started))
    name = f"rule-{uuid.uuid4().hex[:12]}"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [{"Id": str(n), "Arn": each} for n, each in enumerate((refused, started))]
    events.put_targets(Rule=name, Targets=[{**target, "RoleArn": arn} for target in targets])

    events.put_events(Entries=[{"Source": name, "DetailType": "test", "Detail": "{}"}])

    executions = wait(lambda: states.list_executions(stateMachineArn=started)["executions"])
    assert len(executions) == 1
    assert states.list_executions(stateMachineArn=refused)["executions"] == []
    events.remove_targets(Rule=name, Ids=["0", "1"])
    events.delete_rule(Name=name)
