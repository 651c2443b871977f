from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud.demo.acceptance import endpoint_checks
from localcloud.demo.acceptance.batch_checks import (
    Transform,
    transform_output_names,
    transform_with_a_bad_picture,
)
from localcloud.demo.acceptance.check import Check, Verdict
from localcloud.demo.acceptance.context import Context, NotReachedError
from localcloud.demo.acceptance.endpoint_checks import (
    undecodable_picture,
    undecodable_picture_in_the_workflow,
    update_under_load,
    update_watched_by_alarms,
)
from localcloud.demo.acceptance.training_checks import accuracy_at_the_endpoint, pretrained_at_224
from localcloud.demo.acceptance.update import Update
from localcloud.demo.acceptance.workflow_checks import notice_in_a_queue, verdicts
from localcloud.demo.workflow import Outcome
from localcloud.deployment import Application
from operations.aws import ExecutionFailedError
from operations.datasets import StagedPictures

CONFIRMED, REFUTED = Verdict.CONFIRMED, Verdict.REFUTED
NOT_SHOWN, NOT_REACHED = Verdict.NOT_SHOWN, Verdict.NOT_REACHED
BEGAN = datetime(2026, 11, 27, 20, tzinfo=UTC)
KEYS = ("datasets/one/a.png", "datasets/one/b.png")
JOB = {
    "TrainingJobStatus": "Completed",
    "HyperParameters": {"num_layers": "18", "image_shape": "3,224,224"},
    "FinalMetricDataList": [{"MetricName": "validation:accuracy", "Value": 0.95}],
}
FAILED = {**JOB, "TrainingJobStatus": "Failed", "FailureReason": "no"}
OTHER = {**JOB, "HyperParameters": {"num_layers": "50"}}
UPDATE = Update(
    stack_status="UPDATE_COMPLETE",
    stack_reason="",
    moved=True,
    alarms=["errors", "latency"],
    calls=100,
    failures=Counter(),
    began=BEGAN,
    ended=BEGAN,
)
ROLLED_BACK = replace(UPDATE, stack_status="UPDATE_ROLLBACK_COMPLETE")


def outcome(accuracy: float | None) -> Outcome:
    return Outcome(images=2, accepted=2, rejected=0, errors=0, accuracy=accuracy)


def execution(*keys: str, accepted: int = 2, failed: int = 0, notices: int = 0) -> Any:
    counts = {"images": len(keys), "accepted": accepted, "failed": failed}
    output = {"counts": counts, "results": [{"body": {"s3_key": key}} for key in keys]}
    return output, [{"Subject": "1 of 2 images"}] * notices


def transform(status: str, *outputs: str, failed: int = 0) -> Transform:
    return Transform(KEYS, {"TransformJobStatus": status}, {"failed": failed}, list(outputs))


def spoiled(status: int, error: str) -> dict[str, Any]:
    return {"results": [{"statusCode": 200}, {"statusCode": status, "error": error}]}


REFUSED, UNAVAILABLE = spoiled(422, "ImageRefused"), spoiled(500, "EndpointUnavailable")
ERRORS = Counter({"ModelError": 1})
GOOD, SPOILED = ("transformed", "good"), ("transformed", "spoiled")
OUTPUTS = [f"{key}.out" for key in KEYS]
Case = tuple[Check, tuple[str, ...], Any, Verdict]
CASES: list[Case] = [
    (verdicts, ("classified",), execution(*KEYS), CONFIRMED),
    (verdicts, ("classified",), execution(*reversed(KEYS)), REFUTED),
    (verdicts, ("classified",), execution(KEYS[0]), REFUTED),
    (verdicts, ("classified",), execution(*KEYS, failed=1), REFUTED),
    (verdicts, ("classified",), ExecutionFailedError("is FAILED: States.Timeout"), REFUTED),
    (verdicts, ("classified",), NotReachedError("not deployed"), NOT_REACHED),
    (notice_in_a_queue, ("classified",), execution(*KEYS, accepted=1, notices=1), CONFIRMED),
    (notice_in_a_queue, ("classified",), execution(*KEYS, accepted=1, notices=0), REFUTED),
    (notice_in_a_queue, ("classified",), execution(*KEYS, accepted=1, notices=2), REFUTED),
    (notice_in_a_queue, ("classified",), execution(*KEYS, accepted=2, notices=0), NOT_SHOWN),
    (pretrained_at_224, ("job_of", "pretrained"), JOB, CONFIRMED),
    (pretrained_at_224, ("job_of", "pretrained"), FAILED, REFUTED),
    (pretrained_at_224, ("job_of", "pretrained"), OTHER, NOT_REACHED),
    (accuracy_at_the_endpoint, ("outcome",), outcome(0.95), CONFIRMED),
    (accuracy_at_the_endpoint, ("outcome",), outcome(0.94), CONFIRMED),
    (accuracy_at_the_endpoint, ("outcome",), outcome(0.90), REFUTED),
    (accuracy_at_the_endpoint, ("outcome",), outcome(None), REFUTED),
    (update_under_load, ("updated",), UPDATE, CONFIRMED),
    (update_under_load, ("updated",), replace(UPDATE, failures=ERRORS), REFUTED),
    (update_under_load, ("updated",), replace(UPDATE, moved=False), REFUTED),
    (update_under_load, ("updated",), replace(UPDATE, calls=0), REFUTED),
    (update_under_load, ("updated",), ROLLED_BACK, REFUTED),
    (update_watched_by_alarms, ("updated",), UPDATE, CONFIRMED),
    (update_watched_by_alarms, ("updated",), replace(UPDATE, alarms=[]), REFUTED),
    (update_watched_by_alarms, ("updated",), ROLLED_BACK, REFUTED),
    (undecodable_picture_in_the_workflow, ("spoiled",), REFUSED, CONFIRMED),
    (undecodable_picture_in_the_workflow, ("spoiled",), UNAVAILABLE, REFUTED),
    (transform_output_names, GOOD, transform("Completed", *OUTPUTS), CONFIRMED),
    (transform_output_names, GOOD, transform("Completed", "a.png.out", "b.png.out"), REFUTED),
    (transform_output_names, GOOD, transform("Completed", OUTPUTS[0]), REFUTED),
    (transform_output_names, GOOD, transform("Completed"), REFUTED),
    (transform_with_a_bad_picture, SPOILED, transform("Failed", OUTPUTS[0], failed=1), CONFIRMED),
    (transform_with_a_bad_picture, SPOILED, transform("Completed", OUTPUTS[0], failed=1), REFUTED),
    (transform_with_a_bad_picture, SPOILED, transform("Failed", OUTPUTS[0], failed=2), REFUTED),
]


@pytest.mark.parametrize(
    ("check", "key", "seen", "expected"),
    CASES,
    ids=[f"{number}-{check.name}" for number, (check, *_) in enumerate(CASES)],
)
def test_a_check_judges_the_evidence(
    check: Check, key: tuple[str, ...], seen: Any, expected: Verdict, context: Context
) -> None:
    context.evidence["dataset",] = StagedPictures("drawn", 2, dict.fromkeys(KEYS, "bicycle"))
    context.evidence["stacks_job",] = JOB
    context.evidence["undecodable_key",] = KEYS[1]
    context.evidence[key] = seen

    assert check.run(context).verdict is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"OriginalStatusCode": 400}, CONFIRMED),
        ({"OriginalStatusCode": 500, "OriginalMessage": "bad picture"}, REFUTED),
        (None, REFUTED),
    ],
)
def test_bad_picture_at_the_endpoint(
    answer: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_checks, "refusal", lambda _: answer)
    monkeypatch.setattr(Application, "output", lambda *_: "scones")

    assert undecodable_picture.run(context).verdict is expected
