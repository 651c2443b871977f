"""The steps of the demo, in their order."""

import shutil
from collections.abc import Callable
from pathlib import Path

from analysis.report.build import build
from analysis.report.summary import Request
from localcloud.demo import captures
from localcloud.demo.leftovers import leftovers
from localcloud.demo.summary import Summary
from localcloud.demo.workflow import classify, judge, listening, training_job, validation_accuracy
from localcloud.deployment import Application
from operations.datasets import read_staged
from operations.deployed import deployed_threshold
from training.paths import writable_path
from training.source import AnySource

CAPTURES, DATASETS, REPORT = "captures", "datasets", "report"
"""Folders that outlive the buckets: what the endpoint captured, the pictures, and the report."""

MOST_CLASSIFIED = 300
"""Of the validation pictures: an execution takes up to 500, fewer with long keys. Those of a folder
or list are in random order."""

CAPTURES_APPEAR_SECONDS = 15.0
"""How long captures may take to appear in S3 after the endpoint's last reply."""


def run(application: Application, pictures: Callable[[], AnySource], *, destroy: bool) -> Summary:
    """Deploy, train, classify and report; then, if wanted, destroy and list what is left."""
    out, steps = application.folder, application.steps
    for folder in (CAPTURES, DATASETS):  # of an earlier run
        shutil.rmtree(writable_path(out, folder), ignore_errors=True)
    application.synth()
    application.bootstrap()
    digest = application.deploy(pictures, copy_to=out / DATASETS).digest
    dataset = read_staged(application.settings)
    accuracy = validation_accuracy(training_job(application))
    keys = list(dataset.ground_truth)[:MOST_CLASSIFIED]
    with listening(application) as receive:
        outcome = judge(classify(application, keys), dataset.ground_truth)
        notices = receive()
    records = captures.collect(
        application,
        out / CAPTURES,
        expected=outcome.images - outcome.errors,
        within_seconds=CAPTURES_APPEAR_SECONDS,
    )
    _report(application, out / DATASETS / digest)
    left = None
    if destroy:
        application.destroy()
        with steps.step("check what is left"):
            left = leftovers()
    return Summary(
        dataset=dataset,
        validation_accuracy=accuracy,
        outcome=outcome,
        notifications=len(notices),
        captures=records,
        left_after_destroy=left,
        seconds=steps.seconds,  # not a copy: the steps that follow appear in it
    )


def _report(application: Application, dataset: Path) -> None:
    out = application.folder
    with application.steps.step("report on the captures") as say:
        request = Request(
            captures=str(out / CAPTURES),
            out=out / REPORT,
            threshold=deployed_threshold(application.settings),
            dataset=str(dataset),
            truth=str(dataset),
        )
        build(request, say=say)
