"""Deploy the application on a local cloud of the benchmarks, and read from it."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from localcloud.demo.workflow import POLL_SECONDS
from localcloud.deployment import Application
from localcloud.launcher import LocalCloud, free_port
from localcloud.steps import Steps
from operations.aws import execute, session
from operations.datasets import read_staged
from settings import load
from training.source import CifarSource

ENVIRONMENT = "dev"


@dataclass(frozen=True)
class Cloud:
    """The deployed application; the environment variables point to its cloud."""

    local: LocalCloud
    application: Application

    @cached_property
    def state_machine(self) -> str:
        """Return the ARN of the classification workflow."""
        return self.application.output("Workflow", "StateMachineArn")

    @cached_property
    def data_bucket(self) -> str:
        """Return the name of the data bucket."""
        return self.application.output("Storage", "DataBucketName")

    @cached_property
    def _keys(self) -> list[str]:
        return list(read_staged(self.application.settings).ground_truth)

    def images(self, count: int) -> list[dict[str, str]]:
        """Return `count` pictures as input of an execution, repeating the validation pictures."""
        return [
            {"s3_bucket": self.data_bucket, "s3_key": self._keys[number % len(self._keys)]}
            for number in range(count)
        ]

    def functions(self) -> list[str]:
        """Return the names of the workflow's functions."""
        states = item_states(definition(self.state_machine)).values()
        return [
            str(state["Arguments"]["FunctionName"]).split(":function:")[-1]
            for state in states
            if state["Type"] == "Task"
        ]


@contextmanager
def started() -> Iterator[LocalCloud]:
    """Start a local cloud to which the environment variables point, and finally remove it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCloud(port=free_port(), folder=Path(folder)).running() as local,
        patch.dict(os.environ, local.environment(), clear=True),
    ):
        yield local


@contextmanager
def deployed(source: CifarSource, console: Console) -> Iterator[Cloud]:
    """Deploy the application on a local cloud, and finally remove everything."""
    with started() as local:
        application = Application(load(ENVIRONMENT), local.folder.parent, Steps(console))
        application.synth()
        application.bootstrap()
        application.deploy(lambda: source)
        yield Cloud(local, application)


@dataclass(frozen=True)
class Execution:
    """An execution that succeeded."""

    arn: str
    seconds: float
    """By the service's clock, so that polling does not count."""


def run_execution(state_machine: str, event: Any) -> Execution:
    """Run an execution until it succeeds; raise ExecutionFailedError if it fails."""
    state = execute(state_machine, event, poll_seconds=POLL_SECONDS)
    return Execution(state["executionArn"], seconds_of(state))


def seconds_of(state: Mapping[str, Any]) -> float:
    """Return the seconds of a described execution that has ended."""
    return float((state["stopDate"] - state["startDate"]).total_seconds())


def map_output_bytes(execution: str) -> list[int]:
    """Return the sizes of the Maps' outputs, in order."""
    return [
        len(event["stateExitedEventDetails"]["output"].encode())
        for event in history(execution)
        if event["type"] == "MapStateExited"
    ]


def states_entered(execution: str) -> list[str]:
    """Return the names of the states that an execution and its items entered, in order."""
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
