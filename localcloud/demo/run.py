"""The steps of the demo, in their order."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from analysis.report.build import Request, build
from localcloud.demo.leftovers import leftovers
from localcloud.demo.staged import StagedDataset
from localcloud.demo.summary import Captures, Data, Summary, Training, Workflow
from localcloud.demo.workflow import Outcome, judge
from localcloud.deployment import CAPTURES, DATASETS, Application
from operations.deployed import deployed_threshold
from training.paths import writable_path

REPORT = "report"
"""Folder of the report."""

CAPTURES_APPEAR_SECONDS = 15.0
"""How long captures may take to appear in S3 after the endpoint's last reply."""


@dataclass(frozen=True)
class Demo:
    """One run of the demo."""

    application: Application

    def run(self, *, destroy: bool) -> Summary:
        """Deploy, train, classify, read back; then, if wanted, destroy and look what is left."""
        application = self.application
        for folder in (CAPTURES, DATASETS):  # of an earlier run
            shutil.rmtree(writable_path(application.out, folder), ignore_errors=True)
        application.synth()
        application.bootstrap()
        dataset = application.deploy()
        data = application.staged()
        accuracy = self._validation_accuracy()
        outcome, notifications = self._classify(data)
        records = application.read_captures(
            expected=outcome.images - outcome.errors, within_seconds=CAPTURES_APPEAR_SECONDS
        )
        self._report(dataset)
        left = self._destroy() if destroy else None
        return Summary(
            data=Data(source=data.source, train=data.train, validation=len(data.truth)),
            training=Training(validation_accuracy=accuracy),
            workflow=Workflow(**vars(outcome), notifications=notifications),
            captures=Captures(records=records),
            left_after_destroy=left,
            seconds=application.steps.seconds,  # not a copy: the steps that follow appear in it
        )

    def _destroy(self) -> list[str]:
        self.application.destroy()
        with self.application.steps.step("look what is left"):
            return leftovers()

    def _validation_accuracy(self) -> float:
        metrics = {
            metric["MetricName"]: metric["Value"]
            for metric in self.application.training_job()["FinalMetricDataList"]
        }
        return float(metrics["validation:accuracy"])

    def _classify(self, data: StagedDataset) -> tuple[Outcome, int]:
        with self.application.listening() as receive:
            output = self.application.classify(data.truth)
            return judge(output, data.truth), len(receive())

    def _report(self, dataset: Path) -> None:
        out = self.application.out
        threshold = deployed_threshold(self.application.settings)
        with self.application.steps.step("report on the captures") as say:
            request = Request(
                captures=str(out / CAPTURES),
                out=out / REPORT,
                threshold=threshold.value,
                threshold_source=threshold.source,
                dataset=str(dataset),
                truth=str(dataset),
            )
            build(request, say=say)
