"""Hundreds of pictures through the bulk state machine, by the functions of `scones classify`."""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from operations.aws import AwsError
from operations.bulk import Run, resume, start
from scones.classify import EXIT_NOT_ALL_ACCEPTED
from tests.local.batch import classify, followed, lines
from tests.local.captures import captured_calls
from tests.local.deployment import Deployment
from tests.local.endpoint_proxy import endpoint_proxy
from tests.local.inbox import Messages
from tests.local.waiting import wait

BAD = {"note.txt": b"hello", "empty.png": b"", "cut.png": b"\x89PNG\r\n\x1a\n" + b"?" * 50}
PREFIX = "many"
PICTURES = 230  # three batches


@pytest.fixture(scope="module")
def folder(deployment: Deployment) -> str:
    return f"s3://{deployment.data_bucket}/{PREFIX}/"


@pytest.fixture(scope="module")
def pictures(deployment: Deployment) -> list[str]:
    """Return the keys of the pictures below `many/`, bad ones included, in a listing's order."""
    good = list(deployment.dataset.ground_truth)
    for number in range(PICTURES - len(BAD)):
        copy(deployment, good[number % len(good)], f"{PREFIX}/{number:04}.png")
    for name, body in BAD.items():
        deployment.put(f"{PREFIX}/{name}", body)
    s3 = deployment.cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=deployment.data_bucket, Prefix=f"{PREFIX}/")["Contents"]
    return sorted(each["Key"] for each in listed)


def copy(deployment: Deployment, key: str, to: str) -> None:
    bucket = deployment.data_bucket
    source = {"Bucket": bucket, "Key": key}
    deployment.cloud.client("s3").copy_object(Bucket=bucket, Key=to, CopySource=source)


def test_every_picture_has_one_line_and_the_message_lists_those_in_need(
    deployment: Deployment, folder: str, pictures: list[str], messages: Messages
) -> None:
    with captured_calls(deployment, len(pictures) - len(BAD)):
        summary = classify(deployment, prefix=folder)

    results = lines(deployment, summary)
    assert [line["key"] for line in results] == pictures
    assert [line["index"] for line in results] == list(range(len(pictures)))
    counts = Counter(line["status"] for line in results)
    assert summary.counts == {"images": len(pictures), "folders": 0, **counts}
    assert counts["failed"] == len(BAD)
    assert min(counts["accepted"], counts["rejected"]) > 0
    errors = {line["key"].rpartition("/")[2]: line["error"] for line in results if "error" in line}
    assert errors.keys() == BAD.keys()
    (message,) = messages(1)
    for part in (
        f"{counts['failed']} failed of {len(pictures)} images.",
        f"- {folder}note.txt\n    NotAnImage",
        f"... and {counts['rejected'] - 20} more",
        f"All results are in {summary.location}",
    ):
        assert part in message["Message"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_manifest_names_the_pictures(
    deployment: Deployment, pictures: list[str], suffix: str
) -> None:
    chosen = [*pictures[:120:-1], pictures[0], pictures[0]]
    rows = (
        ["\ufeffkey,label", *(f"{key},?" for key in chosen), ",?"]
        if suffix == "csv"
        else [
            json.dumps({"key": chosen[0], "thumbnail": "x" * 300_000}),
            *(json.dumps({"key": key, "label": "?"}) for key in chosen[1:]),
            "{}",
        ]
    )
    deployment.put(f"lists/some.{suffix}", "\n".join(rows).encode())

    summary = classify(deployment, manifest=f"s3://{deployment.data_bucket}/lists/some.{suffix}")

    results = lines(deployment, summary)
    assert [line["key"] for line in results] == [*chosen, None]
    assert results[-1]["error"] == "InvalidImageReference"
    assert f"row {len(chosen) + 1} of the manifest" in results[-1]["reason"]


def test_a_stopped_run_is_resumed_and_pays_for_no_picture_twice(
    deployment: Deployment, folder: str, pictures: list[str]
) -> None:
    stepfunctions = deployment.cloud.client("stepfunctions")
    run = start(deployment.settings, {"prefix": folder})
    wait(lambda: stepfunctions.list_map_runs(executionArn=run.execution_arn)["mapRuns"])
    assert resume(deployment.settings, run.name).execution_arn == run.execution_arn
    stepfunctions.stop_execution(executionArn=run.execution_arn)
    with pytest.raises(AwsError, match=f"ABORTED.*\n.*--resume {run.name}"):
        followed(run)
    done = finished(deployment, run)

    with captured_calls(deployment, len(pictures) - len(BAD) - done), ThreadPoolExecutor(2) as pool:
        # Two terminals, or two machines: one starts the execution, the other joins it.
        resumed = list(pool.map(lambda _: resume(deployment.settings, run.name), range(2)))
        for each in resumed:
            followed(each)

    assert {each.execution_arn for each in resumed} == {f"{run.execution_arn}-again-1"}
    command = [sys.executable, "-m", "scones", "classify", "--resume", run.name]
    with captured_calls(deployment, 0):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == EXIT_NOT_ALL_ACCEPTED, ended.stderr
    summary = followed(resume(deployment.settings, run.name))
    assert run.results in summary.location
    assert [line["key"] for line in lines(deployment, summary)] == pictures


def finished(deployment: Deployment, run: Run) -> int:
    """Return how many pictures are done for good, once every call of the function has ended."""
    s3 = deployment.cloud.client("s3")
    bucket, _, folder = run.results.removeprefix("s3://").partition("/")
    expected = begun(deployment, run)

    def statuses() -> list[str] | None:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/parts/").get("Contents", [])
        bodies = [deployment.read(f"s3://{bucket}/{each['Key']}") for each in listed]
        found = [json.loads(line)["status"] for body in bodies for line in body.splitlines()]
        return found if len(found) == expected else None

    return sum(status != "failed" for status in wait(statuses, every=0.2))


def begun(deployment: Deployment, run: Run) -> int:
    """Return how many pictures the batches have that the function was called for."""
    client = deployment.cloud.client("stepfunctions")
    (map_run,) = client.list_map_runs(executionArn=run.execution_arn)["mapRuns"]
    children = client.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    pictures = 0
    for arn in (child["executionArn"] for child in children):
        events = client.get_execution_history(executionArn=arn)["events"]
        if any(event["type"] == "TaskScheduled" for event in events):
            given = json.loads(client.describe_execution(executionArn=arn)["input"])
            pictures += len(given["Items"])
    return pictures


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"prefix": "s3://elsewhere/x/"}, "InvalidInput: s3://elsewhere/x/ is not in"),
        ({"prefix": "s3://{bucket}/none/"}, "NothingToClassify: .*no picture found"),
        ({"manifest": "s3://{bucket}/gone.csv"}, "InvalidInput: .*cannot be read: .*no.* exist"),
        ({"manifest": "s3://{bucket}/twice.csv"}, "InvalidInput: .*cannot contain duplicates"),
        ({}, "InvalidInput: the input is {}; expected"),
    ],
)
def test_a_source_that_cannot_be_classified_is_refused_and_reported(
    deployment: Deployment, messages: Messages, source: dict[str, str], reason: str
) -> None:
    given = {name: uri.format(bucket=deployment.data_bucket) for name, uri in source.items()}
    deployment.put("twice.csv", b"key,key\na.png,b.png\n")

    with pytest.raises(AwsError, match=reason):
        classify(deployment, **given)

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"


def test_the_model_fails_for_one_picture_and_the_run_goes_on(
    deployment: Deployment, messages: Messages
) -> None:
    good = next(iter(deployment.dataset.ground_truth))
    poison = deployment.read(f"s3://{deployment.data_bucket}/{good}") + b"poison"
    deployment.put("poison/bad.png", poison)
    for number in range(12):
        copy(deployment, good, f"poison/{number}.png")
    said = json.dumps({"OriginalStatusCode": 500, "OriginalMessage": "cannot decode"})

    def refuse(body: bytes) -> Any:
        return (424, "ModelError", said) if body == poison else None

    with endpoint_proxy(deployment, refuse):
        summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/poison/")

    assert (summary.counts["images"], summary.counts["failed"]) == (13, 1)
    (failed,) = (each for each in lines(deployment, summary) if each["status"] == "failed")
    assert (failed["key"], failed["error"]) == ("poison/bad.png", "ModelFailed")
    assert "answered 500: cannot decode" in failed["reason"]
    (message,) = messages(1)
    assert "poison/bad.png\n    ModelFailed: " in message["Message"]


def test_throttling_slows_the_run_down_and_fails_no_picture(deployment: Deployment) -> None:
    for number in range(12):
        copy(deployment, next(iter(deployment.dataset.ground_truth)), f"throttled/{number}.png")
    refusals = iter([(400, "ThrottlingException", '{"message": "Rate exceeded"}')] * 6)

    with endpoint_proxy(deployment, lambda _: next(refusals, None)) as proxy:
        summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/throttled/")

    assert (summary.counts["images"], summary.counts["failed"]) == (12, 0)
    assert next(refusals, None) is None
    assert proxy.most_at_once <= deployment.settings.bulk.threads  # 12 pictures are one batch
