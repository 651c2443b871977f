"""Makes the usual functions and state machines on the cloud of a boto3 session."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

HANDLERS = Path(__file__).with_name("handlers")
STEPS = {"Serialize": "serialize", "Classify": "classify", "Filter": "filter"}
"""Module of each step, in their order."""
PREDICTOR = "classify_predictor"
"""Module of the second step where it asks the endpoint by the SageMaker SDK's Predictor."""
NAME = "students"
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
"""As the managed policies of the console's roles are."""
DEPLOYED_THRESHOLD = "THRESHOLD = 0.93"


@dataclass(frozen=True)
class Functions:
    """The deployed functions."""

    arns: Mapping[str, str]
    """By step."""

    @property
    def names(self) -> list[str]:
        """Names of the functions, in the order of the steps."""
        return [arn.rsplit(":", 1)[-1] for arn in self.arns.values()]


def package(module: str, *, threshold: float) -> bytes:
    """Zip file of one function; `threshold` replaces the one in the filter's code."""
    source = (HANDLERS / f"{module}.py").read_text(encoding="utf-8")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "lambda_function.py", source.replace(DEPLOYED_THRESHOLD, f"THRESHOLD = {threshold}")
        )
    return code.getvalue()


def task(arn: str) -> dict[str, Any]:
    """State that calls a function, as the console's designer writes it."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "OutputPath": "$.Payload",
        "Parameters": {"Payload.$": "$", "FunctionName": f"{arn}:$LATEST"},
        "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "MaxAttempts": 2}],
    }


def chain(functions: Functions) -> dict[str, Any]:
    """Definition of one picture's three steps: the event goes in, the filter's reply comes out."""
    return _in_a_row({step: task(arn) for step, arn in functions.arns.items()})


def three_maps(functions: Functions) -> dict[str, Any]:
    """Definition for a list of events: a Map for each step, one after the other."""
    return _in_a_row(
        {
            f"{step} all": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    **_in_a_row({step: task(arn)}),
                },
            }
            for step, arn in functions.arns.items()
        }
    )


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
def functions(
    session: boto3.Session, *, threshold: float, sdk: Path | None = None
) -> Iterator[Functions]:
    """The three functions and their role, for the length of the block.

    With `sdk`, a folder that the SageMaker SDK v2 is in, the second one uses its Predictor.
    """
    client = session.client("lambda")
    # The SDK's warnings of its end would be many lines of log for each call.
    environment = {"PYTHONPATH": str(sdk), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"} if sdk else {}
    made: dict[str, str] = {}
    role = _create_role(session, f"{NAME}-functions")
    try:
        for step, module in STEPS.items():
            code = PREDICTOR if sdk and step == "Classify" else module
            made[step] = client.create_function(
                FunctionName=f"{NAME}-{module}",
                Runtime="python3.13",
                Handler="lambda_function.lambda_handler",
                Role=role,
                Timeout=60,
                Code={"ZipFile": package(code, threshold=threshold)},
                Environment={"Variables": environment},
            )["FunctionArn"]
        yield Functions(made)
    finally:
        for step in made:
            name = f"{NAME}-{STEPS[step]}"
            client.delete_function(FunctionName=name)
            _delete_log_group(session, f"/aws/lambda/{name}")
        _delete_role(session, f"{NAME}-functions")


@contextmanager
def state_machine(session: boto3.Session, definition: Mapping[str, Any]) -> Iterator[str]:
    """ARN of a state machine, for the length of the block, in which it has a role."""
    client = session.client("stepfunctions")
    role = _create_role(session, f"{NAME}-states")
    arn = client.create_state_machine(name=NAME, definition=json.dumps(definition), roleArn=role)[
        "stateMachineArn"
    ]
    try:
        yield arn
    finally:
        client.delete_state_machine(stateMachineArn=arn)
        _delete_role(session, f"{NAME}-states")


def _create_role(session: boto3.Session, name: str) -> str:
    client = session.client("iam")
    arn: str = client.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(TRUST))["Role"][
        "Arn"
    ]
    client.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=_policy(GRANTS))
    return arn


def _delete_role(session: boto3.Session, name: str) -> None:
    client = session.client("iam")
    client.delete_role_policy(RoleName=name, PolicyName=NAME)
    client.delete_role(RoleName=name)


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _delete_log_group(session: boto3.Session, name: str) -> None:
    logs = session.client("logs")
    if logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        logs.delete_log_group(logGroupName=name)
