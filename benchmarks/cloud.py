"""The whole application on its own local cloud, and what the benchmarks read from it."""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from localcloud.cdk import Cdk
from localcloud.demo.staged import read_staged
from localcloud.launcher import LocalCloud, free_port
from localcloud.steps import Steps
from operations import staging
from operations.aws import session
from settings import Settings, load
from training.source import Source

ENVIRONMENT = "dev"
POLL_SECONDS = 0.05


class ExecutionFailedError(RuntimeError):
    """A measured execution failed; the message holds its error and cause."""


@dataclass(frozen=True)
class Execution:
    """An execution of a state machine that has succeeded."""

    arn: str
    seconds: float
    """From start to end by the service's clock, so that polling does not count."""


@dataclass(frozen=True)
class Cloud:
    """The deployed application; the environment variables point at its cloud."""

    local: LocalCloud
    settings: Settings

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack ("Storage", ...) by name."""
        (described,) = (
            session()
            .client("cloudformation")
            .describe_stacks(StackName=self.settings.stack_name(stack))["Stacks"]
        )
        return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}

    @cached_property
    def state_machine(self) -> str:
        """Return the ARN of the classification workflow."""
        return self.outputs("Workflow")["StateMachineArn"]

    @cached_property
    def _images(self) -> list[dict[str, str]]:
        bucket = self.outputs("Storage")["DataBucketName"]
        staged = read_staged(bucket=bucket, parameter=self.settings.dataset_parameter)
        return [{"s3_bucket": bucket, "s3_key": key} for key in staged.truth]

    def images(self, count: int) -> list[dict[str, str]]:
        """Return so many pictures as an execution takes them, by turns the validation pictures."""
        return [self._images[number % len(self._images)] for number in range(count)]

    def functions(self) -> list[str]:
        """Return the names of the workflow's functions."""
        states = item_states(definition(self.state_machine)).values()
        return [
            str(state["Arguments"]["FunctionName"]).split(":function:")[-1]
            for state in states
            if state["Type"] == "Task"
        ]


@contextmanager
def deployed(source: Source, console: Console) -> Iterator[Cloud]:
    """Start a local cloud, deploy the application, and remove everything at the end."""
    settings = load(ENVIRONMENT)
    steps = Steps(console)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            LocalCloud(port=free_port(), folder=folder).running() as local,
            patch.dict(os.environ, local.environment(), clear=True),
        ):
            cli = Cdk(assembly=folder / "cdk.out", logs=folder)
            deploy = ("deploy", "--require-approval", "never", "--method", "direct")
            with steps.step("synth") as say:
                cli.synth(f"environment={ENVIRONMENT}", log="synth", say=say)
            with steps.step("bootstrap") as say:
                cli.run("bootstrap", log="bootstrap", say=say)
            with steps.step("deploy storage") as say:
                cli.run(*deploy, settings.stack_name("Storage"), log="storage", say=say)
            with steps.step("stage data"):
                staging.run(settings, source, console=Console(file=StringIO()))
            with steps.step("deploy the rest") as say:
                cli.run(*deploy, "--all", log="deploy", say=say)
            yield Cloud(local, settings)


def execute(state_machine: str, event: Any) -> Execution:
    """Run an execution until it succeeds.

    Raises:
        ExecutionFailedError: it failed.
    """
    client = session().client("stepfunctions")
    arn = client.start_execution(stateMachineArn=state_machine, input=json.dumps(event))[
        "executionArn"
    ]
    while "stopDate" not in (state := client.describe_execution(executionArn=arn)):
        time.sleep(POLL_SECONDS)
    if state["status"] != "SUCCEEDED":
        raise ExecutionFailedError(
            f"{arn} is {state['status']}: {state.get('error')}: {state.get('cause')}"
        )
    return Execution(arn, (state["stopDate"] - state["startDate"]).total_seconds())


def map_output_bytes(execution: str) -> list[int]:
    """Return the size of each Map's output, in their order."""
    return [
        len(event["stateExitedEventDetails"]["output"].encode())
        for event in history(execution)
        if event["type"] == "MapStateExited"
    ]


def states_entered(execution: str) -> list[str]:
    """Return the names of the states that an execution and its items entered, in their order."""
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in history(execution)
        if event["type"].endswith("StateEntered")
    ]


def history(execution: str) -> Iterator[Any]:
    """Yield the events of an execution."""
    paginator = session().client("stepfunctions").get_paginator("get_execution_history")
    pages = paginator.paginate(executionArn=execution, PaginationConfig={"PageSize": 1000})
    for page in pages:
        yield from page["events"]


def definition(state_machine: str) -> dict[str, Any]:
    """Return the deployed definition of a state machine."""
    described = (
        session().client("stepfunctions").describe_state_machine(stateMachineArn=state_machine)
    )
    content: dict[str, Any] = json.loads(described["definition"])
    return content


def item_states(machine: dict[str, Any]) -> dict[str, Any]:
    """Return the states of all Maps of a definition, by name."""
    return {
        name: state
        for outer in machine["States"].values()
        if outer["Type"] == "Map"
        for name, state in outer["ItemProcessor"]["States"].items()
    }


def forget_workers(functions: Sequence[str]) -> None:
    """Make the next call of each function a cold start, by an update that changes nothing."""
    client = session().client("lambda")
    for function in functions:
        timeout = client.get_function_configuration(FunctionName=function)["Timeout"]
        client.update_function_configuration(FunctionName=function, Timeout=timeout)
