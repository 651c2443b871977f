"""Handlers and a state machine as other projects for this task write them, run as they are.

Written from the usual descriptions of that task: /tmp/image.png, bytes in the reply, ContentType
image/png, a body that is JSON text in one step and an object in another, three chained JSONPath
states, and an exception where the confidence is too low.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.deployment import Deployment

ROLE = "arn:aws:iam::000000000000:role/students"

SERIALIZE = """
import json
import boto3
import base64

s3 = boto3.client('s3')

def lambda_handler(event, context):
    key = event["s3_key"]
    bucket = event["s3_bucket"]
    s3.download_file(bucket, key, "/tmp/image.png")
    with open("/tmp/image.png", "rb") as f:
        image_data = base64.b64encode(f.read())
    return {
        'statusCode': 200,
        'body': {"image_data": image_data, "s3_bucket": bucket, "s3_key": key, "inferences": []}
    }
"""

CLASSIFY = """
import json
import base64
import boto3

ENDPOINT = "scones-dev"
runtime = boto3.client('runtime.sagemaker')

def lambda_handler(event, context):
    image = base64.b64decode(event['body']['image_data'])
    response = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType='image/png', Body=image)
    inferences = response['Body'].read().decode('utf-8')
    event["inferences"] = [float(x) for x in inferences[1:-1].split(',')]
    return {
        'statusCode': 200,
        'body': {"image_data": event['body']['image_data'], "inferences": event["inferences"]}
    }
"""

FILTER = """
import json

THRESHOLD = %s

class THRESHOLD_CONFIDENCE_NOT_MET(Exception):
    pass

def lambda_handler(event, context):
    inferences = event['body']['inferences']
    if max(inferences) < THRESHOLD:
        raise THRESHOLD_CONFIDENCE_NOT_MET("confidence is too low")
    return {'statusCode': 200, 'body': json.dumps(inferences)}
"""


@pytest.fixture
def create_machine(deployment: Deployment) -> Iterator[Callable[[float], str]]:
    """ARN of the chained state machine whose filter has this threshold; removed after the test."""
    functions = deployment.cloud.client("lambda")
    machines = deployment.cloud.client("stepfunctions")
    made: list[str] = []

    def create_function(name: str, source: str) -> str:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("lambda_function.py", source)
        made.append(name)
        arn: str = functions.create_function(
            FunctionName=name,
            Runtime="python3.9",
            Handler="lambda_function.lambda_handler",
            Role=ROLE,
            Timeout=60,
            Code={"ZipFile": code.getvalue()},
        )["FunctionArn"]
        return arn

    def create(threshold: float) -> str:
        steps = {
            "Serialize": create_function("students-serialize", SERIALIZE),
            "Classify": create_function("students-classify", CLASSIFY),
            "Filter": create_function("students-filter", FILTER % threshold),
        }
        names = list(steps)
        states = {
            name: {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "OutputPath": "$.Payload",
                "Parameters": {"Payload.$": "$", "FunctionName": f"{arn}:$LATEST"},
                "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 2}],
                **({"End": True} if name == "Filter" else {"Next": names[names.index(name) + 1]}),
            }
            for name, arn in steps.items()
        }
        arn: str = machines.create_state_machine(
            name="students",
            definition=json.dumps({"StartAt": "Serialize", "States": states}),
            roleArn=ROLE,
        )["stateMachineArn"]
        made.append(arn)
        return arn

    yield create
    machines.delete_state_machine(stateMachineArn=made.pop())
    for name in made:
        functions.delete_function(FunctionName=name)
        deployment.cloud.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")


def run(deployment: Deployment, arn: str, key: str) -> dict[str, Any]:
    machines = deployment.cloud.client("stepfunctions")
    event = {"image_data": "", "inferences": [], **deployment.image(key)}
    execution = machines.start_execution(stateMachineArn=arn, input=json.dumps(event))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state: dict[str, Any] = machines.describe_execution(executionArn=execution["executionArn"])
        if state["status"] != "RUNNING":
            return state
        time.sleep(0.1)
    raise AssertionError("the execution did not end within 60 s")


def test_a_picture_passes_the_three_steps(
    deployment: Deployment, create_machine: Callable[[float], str]
) -> None:
    state = run(deployment, create_machine(0.0), next(iter(deployment.dataset.truth)))

    assert state["status"] == "SUCCEEDED", state
    inferences = json.loads(json.loads(state["output"])["body"])
    assert len(inferences) == 2
    assert sum(inferences) == pytest.approx(1)


def test_a_low_confidence_fails_by_the_name_of_the_exception(
    deployment: Deployment, create_machine: Callable[[float], str]
) -> None:
    state = run(deployment, create_machine(1.1), next(iter(deployment.dataset.truth)))

    assert (state["status"], state["error"]) == ("FAILED", "THRESHOLD_CONFIDENCE_NOT_MET")
    assert "confidence is too low" in state["cause"]
