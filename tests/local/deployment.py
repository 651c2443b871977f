"""The deployed application, as the tests use it."""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from localcloud.cdk import Cdk
from localcloud.demo.staged import StagedDataset, read_staged
from localcloud.deployment import Application
from localcloud.environment import REGION
from localcloud.launcher import LocalCloud
from localcloud.steps import Steps
from operations import staging
from settings import Settings, load
from tests.infrastructure.synthesis import ACCOUNT, write_assembly
from training import drawn, source

DEPLOY = ("deploy", "--require-approval", "never", "--method", "direct")
TRAIN_PER_CLASS = 150  # enough for sure and unsure verdicts


def _say(_: str) -> None:
    """The CDK CLI's progress is in the log files."""


@dataclass(frozen=True)
class Deployment:
    """The stacks of one environment on the local cloud."""

    cloud: LocalCloud
    settings: Settings
    cli: Cdk

    @classmethod
    def deploy(cls, cloud: LocalCloud, folder: Path) -> "Deployment":
        """Deploy the application with drawn pictures."""
        application = Application(load("dev"), Steps(Console(quiet=True)), folder)
        application.synth()
        application.bootstrap()
        classes = application.settings.dataset.classes
        drawing = drawn.draw(classes, train_per_class=TRAIN_PER_CLASS)
        application.deploy(source.Source("drawn", drawing))
        return cls(cloud, application.settings, application.cdk)

    def deploy_variant(self, stack: str, settings: Settings) -> None:
        """Deploy one stack as other settings of this environment would have it."""
        self.variant(settings).cdk(*DEPLOY, "--exclusively", settings.stack_name(stack))

    def variant(self, settings: Settings) -> "Deployment":
        """The stacks as other settings have them, not yet deployed, on the same local cloud."""
        assembly = self.cli.logs / f"variant-{settings.environment}"
        write_assembly(settings, assembly, account=ACCOUNT, region=REGION)
        return Deployment(self.cloud, settings, Cdk(assembly=assembly, logs=self.cli.logs))

    def cdk(self, *arguments: str) -> str:
        """Run the CDK CLI; gives its output, raises `localcloud.cdk.CdkError` with its end."""
        self.cli.run(*arguments, log="cdk", say=_say)
        return (self.cli.logs / "cdk.log").read_text()

    def outputs(self, stack: str) -> dict[str, str]:
        """Outputs of a stack ("Storage", ...) by name."""
        (described,) = self.cloud.client("cloudformation").describe_stacks(
            StackName=self.settings.stack_name(stack)
        )["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}

    @cached_property
    def data_bucket(self) -> str:
        """Name of the data bucket."""
        return self.outputs("Storage")["DataBucketName"]

    @cached_property
    def dataset(self) -> StagedDataset:
        """The dataset that was staged first."""
        return read_staged(bucket=self.data_bucket, parameter=self.settings.dataset_parameter)

    def image(self, key: str) -> dict[str, str]:
        """The picture as an execution takes it."""
        return {"s3_bucket": self.data_bucket, "s3_key": key}

    def start(self, event: Any) -> str:
        """Start the state machine; gives the execution's ARN."""
        execution: str = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs("Workflow")["StateMachineArn"], input=json.dumps(event)
        )["executionArn"]
        return execution

    def execute(self, event: Any) -> dict[str, Any]:
        """Run the state machine to its end; gives the described execution."""
        client = self.cloud.client("stepfunctions")
        execution = self.start(event)
        deadline = time.monotonic() + 120
        while True:
            state: dict[str, Any] = client.describe_execution(executionArn=execution)
            if state["status"] != "RUNNING":
                return state
            assert time.monotonic() < deadline, "the execution did not end within 120 s"
            time.sleep(0.1)

    def classify(self, *keys: str) -> dict[str, Any]:
        """Output of a successful execution over pictures of the data bucket."""
        state = self.execute({"images": [self.image(key) for key in keys]})
        assert state["status"] == "SUCCEEDED", state
        output: dict[str, Any] = json.loads(state["output"])
        return output

    def stage(self, *, train_per_class: int) -> None:
        """Stage so many drawn pictures of each class: another number is another dataset."""
        classes = self.settings.dataset.classes
        drawing = drawn.draw(classes, train_per_class=train_per_class)
        staging.run(self.settings, source.Source("drawn", drawing), console=Console(quiet=True))

    def staged_prefix(self) -> str:
        """The prefix that the pointer to the dataset holds."""
        prefix: str = self.cloud.client("ssm").get_parameter(Name=self.settings.dataset_parameter)[
            "Parameter"
        ]["Value"]
        return prefix

    def point_at(self, prefix: str) -> None:
        """Let the pointer to the dataset hold another prefix."""
        self.cloud.client("ssm").put_parameter(
            Name=self.settings.dataset_parameter, Value=prefix, Overwrite=True
        )

    def training_jobs(self) -> list[str]:
        """Names of all training jobs there ever were."""
        summaries = self.cloud.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        return [summary["TrainingJobName"] for summary in summaries]
