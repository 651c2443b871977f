"""The deployed application, as the tests use it."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from localcloud.cdk import Cdk
from localcloud.deployment import Application
from localcloud.environment import REGION
from localcloud.launcher import LocalCloud
from operations import staging
from operations.datasets import StagedPictures, read_staged
from settings import Settings, load
from tests.infrastructure.synthesis import ACCOUNT, STACKS, write_assembly, write_assembly_elsewhere
from tests.local.waiting import wait
from training import source
from training.cifar import drawn

Resources = dict[str, dict[str, str]]
"""Physical names by "Stack/LogicalId", without its hash, by type."""

DEPLOY = ("deploy", "--require-approval", "never", "--method", "direct")
TRAIN_PER_CLASS = 150  # enough for sure and unsure verdicts
VALIDATION_PER_CLASS = 40  # of both classes: more than the drift detector's baseline needs
EXECUTION_SECONDS = 120


@contextmanager
def pointed_at(cloud: LocalCloud) -> Iterator[None]:
    """Point AWS tools, and the CDK CLI, at a local cloud."""
    with patch.dict(os.environ, cloud.environment(), clear=True):
        yield


def _drawn(settings: Settings, train_per_class: int) -> source.CifarSource:
    classes = settings.dataset.classes
    drawing = drawn.draw(
        classes, train_per_class=train_per_class, validation_per_class=VALIDATION_PER_CLASS
    )
    return source.CifarSource("drawn", drawing)


def _say(_: str) -> None:
    """Ignore the CDK CLI's progress, which is in the log files."""


@dataclass(frozen=True)
class Deployment:
    """The stacks of one environment on the local cloud."""

    cloud: LocalCloud
    settings: Settings
    cli: Cdk
    deploy_calls: tuple[str, ...] = ()
    """Lines of `LocalCloud.calls`: what roles did during the deployment."""

    @classmethod
    def deploy(cls, cloud: LocalCloud, folder: Path) -> "Deployment":
        """Deploy the application with drawn pictures, from a checkout that only its owner reads."""
        settings = load("dev")
        application = Application(settings, folder)
        write_assembly_elsewhere(folder)
        application.bootstrap()
        application.deploy(lambda: _drawn(settings, TRAIN_PER_CLASS))
        deployed = cls(cloud, settings, application.cdk)
        return replace(deployed, deploy_calls=tuple(deployed.calls()))

    def calls(self) -> list[str]:
        """Return the lines of `LocalCloud.calls`: what roles did so far."""
        return self.cloud.calls.read_text().splitlines()

    def deploy_variant(self, stack: str, settings: Settings) -> None:
        """Deploy one stack with other settings of this environment."""
        self.variant(settings).cdk(*DEPLOY, "--exclusively", settings.stack_name(stack))

    def variant(self, settings: Settings) -> "Deployment":
        """Synthesize, but do not deploy, the stacks with other settings, for the same cloud."""
        assembly = self.cli.logs / f"variant-{settings.environment}"
        write_assembly(settings, assembly, account=ACCOUNT, region=REGION)
        return Deployment(self.cloud, settings, Cdk(assembly=assembly, logs=self.cli.logs))

    def cdk(self, *arguments: str) -> str:
        """Run the CDK CLI; return its output.

        Raises:
            CdkError: it failed.
        """
        self.cli.run(*arguments, log="cdk", say=_say)
        return (self.cli.logs / "cdk.log").read_text()

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack ("Storage", ...) by name."""
        (described,) = self.cloud.client("cloudformation").describe_stacks(
            StackName=self.settings.stack_name(stack)
        )["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}

    def resources(self) -> Resources:
        """Return the physical names of all that is deployed."""
        pages = self.cloud.client("cloudformation").get_paginator("list_stack_resources")
        found: Resources = {}
        for stack in STACKS:
            listed = pages.paginate(StackName=self.settings.stack_name(stack))
            for each in listed.search("StackResourceSummaries[]"):
                name = re.sub(r"[0-9A-F]{8}$", "", each["LogicalResourceId"])
                of_type = found.setdefault(each["ResourceType"], {})
                of_type[f"{stack}/{name}"] = each["PhysicalResourceId"]
        return found

    @cached_property
    def data_bucket(self) -> str:
        return self.outputs("Storage")["DataBucketName"]

    @cached_property
    def dataset(self) -> StagedPictures:
        return read_staged(self.settings)

    @cached_property
    def verdicts(self) -> dict[str, list[str]]:
        """Keys of the validation pictures by verdict, from one execution over all of them."""
        keys: dict[str, list[str]] = {}
        for result in self.classify(*self.dataset.ground_truth)["results"]:
            assert result["verdict"] in ("accepted", "rejected"), result
            keys.setdefault(result["verdict"], []).append(result["body"]["s3_key"])
        return keys

    def image(self, key: str) -> dict[str, str]:
        """Return the reference to a picture of the data bucket that an execution takes."""
        return {"s3_bucket": self.data_bucket, "s3_key": key}

    def start(self, event: Any, *, machine: str = "") -> str:
        """Start the workflow's state machine, or another; return the execution's ARN."""
        execution: str = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=machine or self.outputs("Workflow")["StateMachineArn"],
            input=json.dumps(event),
        )["executionArn"]
        return execution

    def execute(self, event: Any, *, machine: str = "") -> dict[str, Any]:
        """Run a state machine to its end; return the described execution."""
        client = self.cloud.client("stepfunctions")
        execution = self.start(event, machine=machine)

        def ended() -> Any:
            state = client.describe_execution(executionArn=execution)
            return state if state["status"] != "RUNNING" else None

        return dict(wait(ended, EXECUTION_SECONDS))

    def classify(self, *keys: str) -> dict[str, Any]:
        """Return the output of a successful execution over pictures of the data bucket."""
        state = self.execute({"images": [self.image(key) for key in keys]})
        assert state["status"] == "SUCCEEDED", state
        output: dict[str, Any] = json.loads(state["output"])
        return output

    def put(self, key: str, body: bytes) -> None:
        self.cloud.client("s3").put_object(Bucket=self.data_bucket, Key=key, Body=body)

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def stage(self, *, train_per_class: int) -> None:
        """Stage as many drawn pictures of each class; another number makes another dataset."""
        pictures = _drawn(self.settings, train_per_class)
        staging.run(self.settings, pictures, console=Console(quiet=True))

    def staged_prefix(self) -> str:
        prefix: str = self.cloud.client("ssm").get_parameter(Name=self.settings.dataset_parameter)[
            "Parameter"
        ]["Value"]
        return prefix

    def point_at(self, prefix: str) -> None:
        self.cloud.client("ssm").put_parameter(
            Name=self.settings.dataset_parameter, Value=prefix, Overwrite=True
        )

    def training_jobs(self) -> list[str]:
        """Return the names of all training jobs, ended ones included."""
        summaries = self.cloud.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        return [summary["TrainingJobName"] for summary in summaries]

    def sagemaker_resources(self) -> dict[str, Any]:
        """Return the names of jobs, baselines, models and configurations, and the endpoint."""
        sagemaker, s3 = self.cloud.client("sagemaker"), self.cloud.client("s3")
        endpoint = sagemaker.describe_endpoint(EndpointName=self.settings.endpoint_name)
        configurations = sagemaker.list_endpoint_configs()["EndpointConfigs"]
        artifacts = self.outputs("Storage")["ArtifactBucketName"]
        baselines = s3.list_objects_v2(Bucket=artifacts, Prefix="baselines/").get("Contents", [])
        shown = ("EndpointConfigName", "EndpointStatus", "CreationTime", "LastModifiedTime")
        return {
            "jobs": self.training_jobs(),
            "baselines": [item["Key"] for item in baselines],
            "models": [model["ModelName"] for model in sagemaker.list_models()["Models"]],
            "configurations": [each["EndpointConfigName"] for each in configurations],
            "endpoint": {key: endpoint[key] for key in shown},
        }
