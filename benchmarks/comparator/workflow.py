"""Create the usual functions and state machines on the cloud of a boto3 session."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

HANDLERS = Path(__file__).with_name("handlers")
STEPS = {"Serialize": "serialize", "Classify": "classify", "Filter": "filter"}
"""Module of each step, in their order."""
NAME = "comparator"
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
    "Action": "sts:AssumeRole",
}
GRANTS = {
    "Effect": "Allow",
    "Action": ["lambda:InvokeFunction", "s3:*", "sagemaker:*"],
    "Resource": "*",
}
"""As the managed policies of the console's roles grant."""
DEPLOYED_THRESHOLD = "THRESHOLD = 0.93"

Functions = Mapping[str, str]
"""Names of the deployed functions by step."""


def package(module: str, *, threshold: float) -> bytes:
    """Return the zip file of one function; `threshold` replaces the one in the filter's code."""
    source = (HANDLERS / f"{module}.py").read_text(encoding="utf-8")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "lambda_function.py", source.replace(DEPLOYED_THRESHOLD, f"THRESHOLD = {threshold}")
        )
    return code.getvalue()


def chain(functions: Functions) -> dict[str, Any]:
    """Return the definition of one picture's three steps, from the event to the filter's reply."""
    return _in_a_row({step: _task(name) for step, name in functions.items()})


def three_maps(functions: Functions) -> dict[str, Any]:
    """Return the definition for a list of events: a Map for each step, one after the other."""
    processor = {"ProcessorConfig": {"Mode": "INLINE"}}
    return _in_a_row(
        {
            f"{step} all": {
                "Type": "Map",
                "ItemProcessor": processor | _in_a_row({step: _task(name)}),
            }
            for step, name in functions.items()
        }
    )


def _task(function: str) -> dict[str, Any]:
    """Return a state that calls a function, as the console's designer writes it."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "OutputPath": "$.Payload",
        "Parameters": {"Payload.$": "$", "FunctionName": f"{function}:$LATEST"},
        "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 2}],
    }


def _in_a_row(states: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    names = list(states)
    following = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {
        "StartAt": names[0],
        "States": {
            name: states[name] | transition
            for name, transition in zip(names, following, strict=True)
        },
    }


@contextmanager
def functions(session: boto3.Session, *, threshold: float) -> Iterator[Functions]:
    """Create the three functions, and remove them with what their calls left."""
    client, logs = session.client("lambda"), session.client("logs")
    created: dict[str, str] = {}
    with _role(session, f"{NAME}-functions") as role:
        try:
            for step, module in STEPS.items():
                created[step] = client.create_function(
                    FunctionName=f"{NAME}-{module}",
                    Runtime="python3.13",
                    Handler="lambda_function.lambda_handler",
                    Role=role,
                    Timeout=60,
                    Code={"ZipFile": package(module, threshold=threshold)},
                )["FunctionName"]
            yield created
        finally:
            for name in created.values():
                client.delete_function(FunctionName=name)
                log_group = f"/aws/lambda/{name}"
                if logs.describe_log_groups(logGroupNamePrefix=log_group)["logGroups"]:
                    logs.delete_log_group(logGroupName=log_group)


@contextmanager
def state_machine(session: boto3.Session, definition: Mapping[str, Any]) -> Iterator[str]:
    """Create a state machine and its role, yield its ARN, and remove both."""
    client = session.client("stepfunctions")
    with _role(session, f"{NAME}-states") as role:
        arn = client.create_state_machine(
            name=NAME, definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]
        try:
            yield arn
        finally:
            client.delete_state_machine(stateMachineArn=arn)


@contextmanager
def _role(session: boto3.Session, name: str) -> Iterator[str]:
    client = session.client("iam")
    arn = client.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(TRUST))["Role"]["Arn"]
    client.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=_policy(GRANTS))
    try:
        yield arn
    finally:
        client.delete_role_policy(RoleName=name, PolicyName=NAME)
        client.delete_role(RoleName=name)


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
