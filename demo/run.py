"""The steps of the demo, in their order."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import boto3

from demo import captures
from demo.cdk import Cdk
from demo.leftovers import leftovers
from demo.staged import StagedDataset, read_staged
from demo.steps import Steps
from demo.summary import Captures, Data, Summary, Training, Workflow
from demo.workflow import Outcome, execute, judge, listening
from monitoring.report.build import Request, build
from settings import Settings
from training import source, stage
from training.errors import ArchiveUnavailableError

CAPTURES, DATASETS, REPORT = "captures", "datasets", "report"
"""Folders that outlive the buckets: what the endpoint captured, the pictures, the report."""


@dataclass(frozen=True)
class Demo:
    """One run of the demo on the cloud that the environment variables point at."""

    settings: Settings
    steps: Steps
    out: Path
    """Folder of the report, of what it is made from, and of the logs of the CDK CLI."""
    archive: Path | None
    """CIFAR-100 archive to take instead of $CIFAR_ARCHIVE or the download."""

    def run(self, *, destroy: bool) -> Summary:
        """Deploy, train, classify, read back; then, if wanted, destroy and look what is left."""
        cdk = Cdk(assembly=self.out / "cdk.out", logs=self.out)
        for folder in (CAPTURES, DATASETS):  # of an earlier run
            shutil.rmtree(self.out / folder, ignore_errors=True)
        dataset = self._deploy(cdk)
        data = self._staged()
        accuracy = self._validation_accuracy()
        outcome, notifications = self._classify(data)
        records = self._read_captures(expected=outcome.images - outcome.errors)
        self._report(dataset)
        left = self._destroy(cdk) if destroy else None
        return Summary(
            data=Data(source=data.source, train=data.train, validation=len(data.truth)),
            training=Training(validation_accuracy=accuracy),
            workflow=Workflow(**vars(outcome), notifications=notifications),
            captures=Captures(records=records),
            left_after_destroy=left,
            seconds=self.steps.seconds,  # not a copy: the steps that follow appear in it, too
        )

    def _deploy(self, cdk: Cdk) -> Path:
        """Deploy everything; gives the folder of the staged pictures."""
        deploy = ("deploy", "--require-approval", "never")
        with self.steps.step("synth") as say:
            cdk.synth(f"environment={self.settings.environment}", log="synth", say=say)
        with self.steps.step("bootstrap") as say:
            cdk.run("bootstrap", log="bootstrap", say=say)
        with self.steps.step("deploy storage") as say:
            storage = self.settings.stack_name("Storage")
            cdk.run(*deploy, storage, log="deploy-storage", say=say)
        with self.steps.step("stage data"):
            dataset = self._stage()
        with self.steps.step("train and deploy the rest") as say:
            cdk.run(*deploy, "--all", log="deploy-all", say=say)
        return dataset

    def _destroy(self, cdk: Cdk) -> list[str]:
        with self.steps.step("destroy") as say:
            cdk.run("destroy", "--all", "--force", log="destroy", say=say)
        with self.steps.step("look what is left"):
            return leftovers()

    def _stage(self) -> Path:
        console = self.steps.console
        try:
            pictures = source.real(self.archive, console=console)
        except ArchiveUnavailableError as error:
            console.print(f"[yellow]{error}[/]\n[bold]Using drawn stand-in pictures instead.[/]")
            pictures = source.drawing(self.settings.dataset.classes)
        folder = self.out / DATASETS
        return folder / stage.run(self.settings, pictures, folder=folder, console=console).digest

    def _staged(self) -> StagedDataset:
        return read_staged(
            bucket=self._output("Storage", "DataBucketName"),
            parameter=self.settings.dataset_parameter,
        )

    def _validation_accuracy(self) -> float:
        job = boto3.client("sagemaker").describe_training_job(
            TrainingJobName=self._output("Training", "TrainingJobName")
        )
        metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
        return float(metrics["validation:accuracy"])

    def _classify(self, data: StagedDataset) -> tuple[Outcome, int]:
        bucket = self._output("Storage", "DataBucketName")
        images = [{"s3_bucket": bucket, "s3_key": key} for key in data.truth]
        with (
            self.steps.step("classify the pictures") as say,
            listening(self._output("Workflow", "TopicArn")) as count_messages,
        ):
            arn = self._output("Workflow", "StateMachineArn")
            output = execute(arn, images, say)
            return judge(output, data.truth), count_messages()

    def _read_captures(self, *, expected: int) -> int:
        """Number of records; copies of them are then in the folder."""
        location = self._output("Inference", "CaptureUri")
        with self.steps.step("read the captures") as say:
            records = captures.wait_for(location, expected=expected, say=say)
            captures.copy(location, self.out / CAPTURES)
            return records

    def _report(self, dataset: Path) -> None:
        with self.steps.step("report on the captures") as say:
            request = Request(
                captures=str(self.out / CAPTURES),
                out=self.out / REPORT,
                threshold=self.settings.workflow.confidence_threshold,
                dataset=str(dataset),
                truth=str(dataset),
            )
            build(request, say=say)

    def _output(self, stack: str, key: str) -> str:
        (described,) = boto3.client("cloudformation").describe_stacks(
            StackName=self.settings.stack_name(stack)
        )["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
        value: str = outputs[key]
        return value
