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
from operations.staging import StagedPictures

CONFIRMED, REFUTED = Verdict.CONFIRMED, Verdict.REFUTED
NOT_SHOWN, NOT_REACHED = Verdict.NOT_SHOWN, Verdict.NOT_REACHED
BEGAN = datetime(2026, 11, 27, 20, tzinfo=UTC)
KEYS = ("datasets/one/a.png", "datasets/one/b.png")
JOB = {
    "TrainingJobStatus": "Completed",
    "HyperParameters": {"num_layers": "18", "image_shape": "3,224,224"},
    "FinalMetricDataList": [{"MetricName": "validation:accuracy", "Value": 0.95}],
}
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


def outcome(accuracy: float | None) -> Outcome:
    return Outcome(images=2, accepted=2, rejected=0, errors=0, accuracy=accuracy)


def execution(*keys: str, accepted: int = 2, failed: int = 0, notices: int = 0) -> Any:
    counts = {"images": len(keys), "accepted": accepted, "failed": failed}
    output = {"counts": counts, "results": [{"body": {"s3_key": key}} for key in keys]}
    return output, [{"Subject": "1 of 2 images"}] * notices


def transform(status: str, *outputs: str, failed: int = 0) -> Transform:
    return Transform(KEYS, {"TransformJobStatus": status}, {"failed": failed}, list(outputs))


def spoiled(**bad: Any) -> dict[str, Any]:
    return {"results": [{"statusCode": 200}, bad]}


OUTPUTS = [f"{key}.out" for key in KEYS]
Evidence = dict[tuple[object, ...], Any]
Case = tuple[Check, Evidence, Verdict]


def cases(
    check: Check, *key: object, seen: list[tuple[Any, Verdict]], more: Evidence | None = None
) -> list[Case]:
    """Return the verdicts of a check on what may be `seen` as the evidence `key`."""
    return [(check, {key: value, **(more or {})}, expected) for value, expected in seen]


CASES: list[Case] = [
    *cases(
        verdicts,
        "classified",
        seen=[
            (execution(*KEYS), CONFIRMED),
            (execution(*reversed(KEYS)), REFUTED),
            (execution(KEYS[0]), REFUTED),
            (execution(*KEYS, failed=1), REFUTED),
            (ExecutionFailedError("execution is FAILED: States.Timeout"), REFUTED),
            (NotReachedError("not deployed"), NOT_REACHED),
        ],
    ),
    *cases(
        notice_in_a_queue,
        "classified",
        seen=[
            (execution(*KEYS, accepted=1, notices=1), CONFIRMED),
            (execution(*KEYS, accepted=1, notices=0), REFUTED),
            (execution(*KEYS, accepted=1, notices=2), REFUTED),
            (execution(*KEYS, accepted=2, notices=0), NOT_SHOWN),
        ],
    ),
    *cases(
        pretrained_at_224,
        "job_of",
        "pretrained",
        seen=[
            (JOB, CONFIRMED),
            ({**JOB, "TrainingJobStatus": "Failed", "FailureReason": "no"}, REFUTED),
            ({**JOB, "HyperParameters": {"num_layers": "50"}}, NOT_REACHED),
        ],
    ),
    *cases(
        accuracy_at_the_endpoint,
        "outcome",
        seen=[
            (outcome(0.95), CONFIRMED),
            (outcome(0.94), CONFIRMED),
            (outcome(0.90), REFUTED),
            (outcome(None), REFUTED),
        ],
        more={("stacks_job",): JOB},
    ),
    *cases(
        update_under_load,
        "updated",
        seen=[
            (UPDATE, CONFIRMED),
            (replace(UPDATE, failures=Counter({"ModelError": 1})), REFUTED),
            (replace(UPDATE, moved=False), REFUTED),
            (replace(UPDATE, calls=0), REFUTED),
            (replace(UPDATE, stack_status="UPDATE_ROLLBACK_COMPLETE"), REFUTED),
        ],
    ),
    *cases(
        update_watched_by_alarms,
        "updated",
        seen=[
            (UPDATE, CONFIRMED),
            (replace(UPDATE, alarms=[]), REFUTED),
            (replace(UPDATE, stack_status="UPDATE_ROLLBACK_COMPLETE"), REFUTED),
        ],
    ),
    *cases(
        undecodable_picture_in_the_workflow,
        "spoiled",
        seen=[
            (spoiled(statusCode=422, error="ImageRefused"), CONFIRMED),
            (spoiled(statusCode=500, error="EndpointUnavailable"), REFUTED),
        ],
    ),
    *cases(
        transform_output_names,
        "transformed",
        "good",
        seen=[
            (transform("Completed", *OUTPUTS), CONFIRMED),
            (transform("Completed", "a.png.out", "b.png.out"), REFUTED),
            (transform("Completed", OUTPUTS[0]), REFUTED),
            (transform("Completed"), REFUTED),
        ],
    ),
    *cases(
        transform_with_a_bad_picture,
        "transformed",
        "spoiled",
        seen=[
            (transform("Failed", OUTPUTS[0], failed=1), CONFIRMED),
            (transform("Completed", OUTPUTS[0], failed=1), REFUTED),
            (transform("Failed", OUTPUTS[0], failed=2), REFUTED),
        ],
        more={("undecodable_key",): KEYS[1]},
    ),
]


@pytest.mark.parametrize(
    ("check", "evidence", "expected"),
    CASES,
    ids=[f"{number}-{check.name}" for number, (check, *_) in enumerate(CASES)],
)
def test_a_check_judges_the_evidence(
    check: Check, evidence: Evidence, expected: Verdict, context: Context
) -> None:
    context.evidence["dataset",] = StagedPictures("drawn", 2, dict.fromkeys(KEYS, "bicycle"))
    context.evidence |= evidence

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
