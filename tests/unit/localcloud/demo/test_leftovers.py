import json
from typing import Any
from unittest.mock import Mock

import boto3
import pytest

from localcloud.demo.leftovers import leftovers
from tests.unit.conftest import Answers

INSTANCE = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
ANYONE = json.dumps({"Version": "2012-10-17", "Statement": []})

# moto's CloudFormation, Lambda and Step Functions need packages that nothing else here does.
ANSWERS: dict[str, dict[str, Any]] = {
    "ListStackResources": {
        "StackResourceSummaries": [
            {"PhysicalResourceId": "cdk-assets"},
            {"PhysicalResourceId": "cdk-deploy-role"},
            {"LogicalResourceId": "NotYetCreated"},
        ]
    },
    "ListStacks": {
        "StackSummaries": [
            {"StackName": "CDKToolkit", "StackStatus": "CREATE_COMPLETE"},
            {"StackName": "gone", "StackStatus": "DELETE_COMPLETE"},
        ]
    },
    "ListFunctions": {"Functions": []},
    "ListLayers": {"Layers": []},
    "ListStateMachines": {"stateMachines": []},
}


def answer_with(answers: Answers, replies: dict[str, dict[str, Any]]) -> None:
    answers.update({name: Mock(return_value=reply) for name, reply in replies.items()})


@pytest.fixture(autouse=True)
def bootstrapped(aws: None, answers: Answers) -> None:
    """An account with what `cdk bootstrap` makes."""
    answer_with(answers, ANSWERS)
    boto3.client("s3").create_bucket(Bucket="cdk-assets")
    boto3.client("iam").create_role(RoleName="cdk-deploy-role", AssumeRolePolicyDocument=ANYONE)


def test_a_bootstrapped_account_has_nothing_left() -> None:
    assert leftovers() == []


def test_every_kind_is_listed(answers: Answers) -> None:
    stack = {"StackName": "Storage", "StackStatus": "DELETE_FAILED"}
    replies: dict[str, Any] = {
        "ListFunctions": {"Functions": [{"FunctionName": "classify"}]},
        "ListLayers": {"Layers": [{"LayerName": "packages"}]},
        "ListStateMachines": {"stateMachines": [{"stateMachineArn": "arn:workflow"}]},
        "ListStacks": {"StackSummaries": [stack]},
    }
    answer_with(answers, replies)
    boto3.client("s3").create_bucket(Bucket="pictures")
    topic = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="messages")["QueueUrl"]
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/forgotten")
    boto3.client("ssm").put_parameter(Name="/scones/dev/dataset", Value="x", Type="String")
    boto3.client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    role = boto3.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=ANYONE)
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(ModelName="model", ExecutionRoleArn=role["Role"]["Arn"])
    variant: Any = {"VariantName": "AllTraffic", "ModelName": "model", **INSTANCE}
    sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")

    assert leftovers() == [
        "bucket: pictures",
        "function: classify",
        "layer: packages",
        "state machine: arn:workflow",
        f"topic: {topic}",
        f"queue: {queue}",
        "log group: /aws/lambda/forgotten",
        "role: worker",
        "SSM parameter: /scones/dev/dataset",
        "event rule: hourly",
        "SageMaker model: model",
        "SageMaker endpoint configuration: config",
        "SageMaker endpoint: endpoint",
        "stack: Storage",
    ]
