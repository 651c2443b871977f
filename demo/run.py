"""The steps of the demo, in their order."""

import time
from dataclasses import dataclass
from pathlib import Path

import boto3

from demo.cdk import Cdk
from demo.leftovers import leftovers
from demo.staged import StagedDataset, read_staged
from demo.steps import Steps
from demo.summary import SOURCES, Captures, Data, Summary, Training, Workflow
from demo.workflow import Outcome, execute, judge, listening
from monitoring import read
from monitoring.captures import Capture
from monitoring.plots import Confidences, confidence_over_time, confidences
from monitoring.records import BASELINE_PREFIX
from settings import Settings
from training import source, stage
from training.errors import ArchiveUnavailableError

CAPTURE_SECONDS = 15.0
"""How long captures may take to appear in S3, after the last reply of the endpoint."""


def is_of_the_baseline(capture: Capture) -> bool:
    """Whether the deployment itself sent the picture, to measure its baseline."""
    return (capture.inference_id or "").startswith(BASELINE_PREFIX)


@dataclass(frozen=True)
class Demo:
    """One run of the demo on the cloud that the environment variables point at."""

    settings: Settings
    steps: Steps
    out: Path
    """Folder of confidence.png and the logs of the CDK CLI."""
    archive: Path | None
    """CIFAR-100 archive to take instead of $CIFAR_ARCHIVE or the download."""

    def run(self, *, destroy: bool) -> Summary:
        """Deploy, train, classify, read back; then, if wanted, destroy and look what is left."""
        cdk = Cdk(assembly=self.out / "cdk.out", logs=self.out)
        self._deploy(cdk)
        data = self._staged()
        accuracy = self._validation_accuracy()
        outcome, notifications = self._classify(data)
        captured = self._read_captures(expected=outcome.images - outcome.errors)
        self._draw(captured, SOURCES[data.source])
        left = self._destroy(cdk) if destroy else None
        return Summary(
            data=Data(source=data.source, train=data.train, validation=len(data.truth)),
            training=Training(validation_accuracy=accuracy),
            workflow=Workflow(**vars(outcome), notifications=notifications),
            captures=Captures(records=captured.records),
            left_after_destroy=left,
            seconds=self.steps.seconds,  # not a copy: the steps that follow appear in it, too
        )

    def _deploy(self, cdk: Cdk) -> None:
        deploy = ("deploy", "--require-approval", "never")
        with self.steps.step("synth") as say:
            cdk.synth(f"environment={self.settings.environment}", log="synth", say=say)
        with self.steps.step("bootstrap") as say:
            cdk.run("bootstrap", log="bootstrap", say=say)
        with self.steps.step("deploy storage") as say:
            storage = self.settings.stack_name("Storage")
            cdk.run(*deploy, storage, log="deploy-storage", say=say)
        with self.steps.step("stage data"):
            self._stage()
        with self.steps.step("train and deploy the rest") as say:
            cdk.run(*deploy, "--all", log="deploy-all", say=say)

    def _destroy(self, cdk: Cdk) -> list[str]:
        with self.steps.step("destroy") as say:
            cdk.run("destroy", "--all", "--force", log="destroy", say=say)
        with self.steps.step("look what is left"):
            return leftovers()

    def _stage(self) -> None:
        console = self.steps.console
        try:
            pictures = source.real(self.archive, console=console)
        except ArchiveUnavailableError as error:
            console.print(f"[yellow]{error}[/]\n[bold]Using drawn stand-in pictures instead.[/]")
            pictures = source.drawing(self.settings.dataset.classes)
        stage.run(self.settings, pictures, console=console)

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

    def _read_captures(self, *, expected: int) -> Confidences:
        """The captures in S3, as soon as there are as many as `expected`, or else at the end."""
        location = self._output("Inference", "CaptureUri")
        deadline = time.monotonic() + CAPTURE_SECONDS
        with self.steps.step("read the captures") as say:
            while True:
                records = read(location, s3_client=boto3.client("s3"))
                captured = confidences(
                    (each for each in records if not is_of_the_baseline(each)),
                    threshold=self.settings.workflow.confidence_threshold,
                )
                if captured.records >= expected or time.monotonic() > deadline:
                    return captured
                say(f"{captured.records} of {expected}")
                time.sleep(0.5)

    def _draw(self, captured: Confidences, origin: str) -> None:
        with self.steps.step("draw the captures"):
            confidence_over_time(
                captured,
                path=self.out / "confidence.png",
                title=f"{self._output('Inference', 'EndpointName')}: confidence of each prediction",
                source=origin,
            )

    def _output(self, stack: str, key: str) -> str:
        (described,) = boto3.client("cloudformation").describe_stacks(
            StackName=self.settings.stack_name(stack)
        )["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
        value: str = outputs[key]
        return value
