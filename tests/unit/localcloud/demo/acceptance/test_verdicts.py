"""What each check makes of what it sees: it confirms the one and refutes the other."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from localcloud.demo.acceptance import (
    batch_checks,
    endpoint_checks,
    training_checks,
    workflow_checks,
)
from localcloud.demo.acceptance.check import Check, Verdict
from localcloud.demo.acceptance.context import Context, NotReachedError
from localcloud.demo.acceptance.transforms import Transform
from localcloud.demo.acceptance.update import Update
from localcloud.demo.staged import StagedDataset
from localcloud.demo.workflow import ExecutionFailedError, Outcome

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
    config_before="one",
    config_after="another",
    alarms=["errors", "latency"],
    calls=100,
    failures=Counter(),
    began=BEGAN,
    ended=BEGAN,
)


@pytest.fixture(autouse=True)
def staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures."""
    dataset = StagedDataset("drawn", 2, dict.fromkeys(KEYS, "bicycle"))
    monkeypatch.setattr(Context, "dataset", lambda _: dataset)


def verdict(
    check: Check, context: Context, monkeypatch: pytest.MonkeyPatch, **evidence: Any
) -> Verdict:
    for name, value in evidence.items():

        def answer(_self: Context, *_: object, value: Any = value) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        monkeypatch.setattr(Context, name, answer)
    return check.run(context).verdict


def outcome(accuracy: float | None) -> Outcome:
    return Outcome(images=2, accepted=2, rejected=0, errors=0, accuracy=accuracy)


def execution(*keys: str, accepted: int = 2, failed: int = 0) -> dict[str, Any]:
    counts = {"images": len(keys), "accepted": accepted, "failed": failed}
    return {"counts": counts, "results": [{"body": {"s3_key": key}} for key in keys]}


def failed_execution() -> Exception:
    error = NotReachedError("classified: execution is FAILED: States.Timeout")
    error.__cause__ = ExecutionFailedError()
    return error


@pytest.mark.parametrize(
    ("classified", "expected"),
    [
        ((execution(*KEYS), []), Verdict.CONFIRMED),
        ((execution(*reversed(KEYS)), []), Verdict.REFUTED),
        ((execution(KEYS[0]), []), Verdict.REFUTED),
        ((execution(*KEYS, failed=1), []), Verdict.REFUTED),
        (failed_execution(), Verdict.REFUTED),
        (NotReachedError("not deployed"), Verdict.NOT_REACHED),
    ],
)
def test_verdicts(
    classified: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = workflow_checks.verdicts

    assert verdict(check, context, monkeypatch, classified=classified) is expected


@pytest.mark.parametrize(
    ("accepted", "notices", "expected"),
    [
        (1, 1, Verdict.CONFIRMED),
        (1, 0, Verdict.REFUTED),
        (1, 2, Verdict.REFUTED),
        (2, 0, Verdict.NOT_SHOWN),
    ],
)
def test_notice(
    accepted: int,
    notices: int,
    expected: Verdict,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classified = execution(*KEYS, accepted=accepted), [{"Subject": "1 of 2 images"}] * notices
    check = workflow_checks.notice_in_a_queue

    assert verdict(check, context, monkeypatch, classified=classified) is expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (JOB, Verdict.CONFIRMED),
        ({**JOB, "TrainingJobStatus": "Failed", "FailureReason": "no"}, Verdict.REFUTED),
        ({**JOB, "HyperParameters": {"num_layers": "50"}}, Verdict.NOT_REACHED),
    ],
)
def test_preset(
    job: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verdict(training_checks.pretrained_at_224, context, monkeypatch, job_of=job) is expected


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        (0.95, Verdict.CONFIRMED),
        (0.94, Verdict.CONFIRMED),
        (0.90, Verdict.REFUTED),
        (None, Verdict.REFUTED),
    ],
)
def test_accuracy(
    accuracy: float | None, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, evidence = training_checks.accuracy_at_the_endpoint, {"outcome": outcome(accuracy)}

    assert verdict(check, context, monkeypatch, stacks_job=JOB, **evidence) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Verdict.CONFIRMED),
        ({"failures": Counter({"ModelError": 1})}, Verdict.REFUTED),
        ({"config_after": "one"}, Verdict.REFUTED),
        ({"calls": 0}, Verdict.REFUTED),
        ({"stack_status": "UPDATE_ROLLBACK_COMPLETE"}, Verdict.REFUTED),
    ],
)
def test_update(
    change: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = replace(UPDATE, **change)

    assert (
        verdict(endpoint_checks.update_under_load, context, monkeypatch, updated=update) is expected
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Verdict.CONFIRMED),
        ({"alarms": []}, Verdict.REFUTED),
        ({"stack_status": "UPDATE_ROLLBACK_COMPLETE"}, Verdict.REFUTED),
    ],
)
def test_alarms_of_the_update(
    change: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = replace(UPDATE, **change)
    check = endpoint_checks.update_watched_by_alarms

    assert verdict(check, context, monkeypatch, updated=update) is expected


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"statusCode": 422, "error": "ImageRefused"}, Verdict.CONFIRMED),
        ({"statusCode": 500, "error": "EndpointUnavailable"}, Verdict.REFUTED),
    ],
)
def test_bad_picture_in_the_workflow(
    bad: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = {"results": [{"statusCode": 200}, bad]}
    check = endpoint_checks.undecodable_picture_in_the_workflow

    assert verdict(check, context, monkeypatch, spoiled=spoiled) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"OriginalStatusCode": 400}, Verdict.CONFIRMED),
        ({"OriginalStatusCode": 500, "OriginalMessage": "bad picture"}, Verdict.REFUTED),
        (None, Verdict.REFUTED),
    ],
)
def test_bad_picture_at_the_endpoint(
    answer: Any, expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_checks, "refusal", lambda *_: answer)
    check = endpoint_checks.undecodable_picture

    assert verdict(check, context, monkeypatch, output="scones") is expected


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([f"{key}.out" for key in KEYS], Verdict.CONFIRMED),
        (["a.png.out", "b.png.out"], Verdict.REFUTED),
        ([f"{KEYS[0]}.out"], Verdict.REFUTED),
        ([], Verdict.REFUTED),
    ],
)
@pytest.mark.usefixtures("aws")
def test_names_of_outputs(
    outputs: list[str], expected: Verdict, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    for each in outputs:
        s3.put_object(Bucket="bucket", Key=f"batch/output/job/raw/{each}")
    transform = Transform("machine", "bucket", "batch/input/good.json", KEYS)
    output = {"location": "s3://bucket/batch/output/job/predictions.csv"}
    check = batch_checks.transform_output_names
    evidence = {"transforms": {"good": transform}, "transformed": (output, {})}

    assert verdict(check, context, monkeypatch, **evidence) is expected


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [
        ("Failed", 1, Verdict.CONFIRMED),
        ("Completed", 1, Verdict.REFUTED),
        ("Failed", 2, Verdict.REFUTED),
    ],
)
@pytest.mark.usefixtures("aws")
def test_bad_picture_in_a_transform(
    status: str,
    failed: int,
    expected: Verdict,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key=f"batch/output/job/raw/{KEYS[0]}.out")
    output = {
        "location": "s3://bucket/batch/output/job/predictions.csv",
        "counts": {"failed": failed},
    }
    evidence = {
        "transforms": {"spoiled": Transform("machine", "bucket", "spoiled.json", KEYS)},
        "transformed": (output, {"TransformJobStatus": status}),
        "undecodable_key": KEYS[1],
    }
    check = batch_checks.transform_with_a_bad_picture

    assert verdict(check, context, monkeypatch, **evidence) is expected
