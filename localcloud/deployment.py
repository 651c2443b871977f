"""The application of one environment: deployed, used and destroyed step by step."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from localcloud.cdk import Cdk
from localcloud.demo import captures
from localcloud.demo.staged import StagedDataset, read_staged
from localcloud.demo.workflow import Notice, execute, listening
from localcloud.steps import Steps
from operations import staging
from operations.aws import session, stack_output
from settings import Settings
from training import source
from training.errors import ArchiveUnavailableError

CAPTURES, DATASETS = "captures", "datasets"
"""Folders that outlive the buckets: what the endpoint captured, and the pictures."""

# Directly, since nobody looks at a change set that is executed at once.
_DEPLOY = ("deploy", "--require-approval", "never", "--method", "direct")


@dataclass(frozen=True)
class Application:
    """The stacks of one environment in the cloud that the environment variables point at."""

    settings: Settings
    steps: Steps
    out: Path
    """Folder of captures, pictures, cloud assembly and logs of the CDK CLI."""
    archive: Path | None = None
    """CIFAR-100 archive to take instead of $CIFAR_ARCHIVE or the download."""
    drawn: bool = False
    """Take drawn stand-ins instead of an archive."""

    @cached_property
    def cdk(self) -> Cdk:
        """The CDK CLI with this application's assembly."""
        return Cdk(assembly=self.out / "cdk.out", logs=self.out)

    def synth(self) -> None:
        """Write the assembly, which the later steps read."""
        shutil.rmtree(self.cdk.assembly, ignore_errors=True)  # with what a killed run left
        with self.steps.step("synth") as say:
            self.cdk.synth(f"environment={self.settings.environment}", log="synth", say=say)

    def bootstrap(self) -> None:
        """Make what the CDK needs in an account."""
        with self.steps.step("bootstrap") as say:
            self.cdk.run("bootstrap", log="bootstrap", say=say)

    def deploy(self, pictures: source.Source | None = None) -> Path:
        """Deploy the buckets, stage the pictures, deploy the rest; return the pictures' folder.

        Without `pictures`, those of the archive or drawn ones, as the fields say.
        """
        with self.steps.step("deploy storage") as say:
            storage = self.settings.stack_name("Storage")
            self.cdk.run(*_DEPLOY, storage, log="deploy-storage", say=say)
        with self.steps.step("stage data"):
            dataset = self._stage(pictures or self._pictures())
        with self.steps.step("train and deploy the rest") as say:
            self.cdk.run(*_DEPLOY, "--all", log="deploy-all", say=say)
        return dataset

    def destroy(self) -> None:
        """Destroy every stack."""
        with self.steps.step("destroy") as say:
            self.cdk.run("destroy", "--all", "--force", log="destroy", say=say)

    def staged(self) -> StagedDataset:
        """Return the dataset that is staged."""
        return read_staged(
            bucket=self.output("Storage", "DataBucketName"),
            parameter=self.settings.dataset_parameter,
        )

    def training_job(self) -> dict[str, Any]:
        """Return the description of the job that trained the deployed model."""
        return dict(
            session()
            .client("sagemaker")
            .describe_training_job(TrainingJobName=self.output("Training", "TrainingJobName"))
        )

    @contextmanager
    def listening(self) -> Iterator[Callable[[], list[Notice]]]:
        """Yield a function that returns the notices of the topic since it was called last."""
        queue = f"{self.settings.resource_prefix}-notices"
        with listening(self.output("Workflow", "TopicArn"), queue) as receive:
            yield receive

    def classify(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the output of one execution over pictures of the data bucket.

        Raises:
            ExecutionFailedError: it did not succeed.
        """
        bucket = self.output("Storage", "DataBucketName")
        images = [{"s3_bucket": bucket, "s3_key": key} for key in keys]
        with self.steps.step("classify the pictures") as say:
            arn = self.output("Workflow", "StateMachineArn")
            output: dict[str, Any] = json.loads(execute(arn, {"images": images}, say)["output"])
            return output

    def read_captures(self, *, expected: int, within_seconds: float) -> int:
        """Return the number of records; copies of them are then in the folder."""
        location = self.output("Inference", "CaptureUri")
        with self.steps.step("read the captures") as say:
            records = captures.wait_for(
                location, expected=expected, within_seconds=within_seconds, say=say
            )
            captures.copy(location, self.out / CAPTURES)
            return records

    def output(self, stack: str, key: str) -> str:
        """Return one output of a stack ("Storage", ...)."""
        return stack_output(self.settings, stack, key)

    def _stage(self, pictures: source.Source) -> Path:
        console, folder = self.steps.console, self.out / DATASETS
        staged = staging.run(self.settings, pictures, folder=folder, console=console)
        return folder / staged.digest

    def _pictures(self) -> source.Source:
        classes = self.settings.dataset.classes
        if not self.drawn:
            console = self.steps.console
            try:
                return source.real(self.archive, classes=classes, console=console)
            except ArchiveUnavailableError as error:
                console.print(str(error), style="yellow")
                console.print("Using drawn stand-in pictures instead.", style="bold")
        return source.drawing(classes)
