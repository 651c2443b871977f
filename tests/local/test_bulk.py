"""Hundreds of pictures through the bulk state machine, by the functions of `scones classify`."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from operations.bulk import ClassificationError, Run, Summary, follow, resume, start
from scones.classify import EXIT_NOT_ALL_ACCEPTED
from tests.local.deployment import Deployment
from tests.local.inbox import Messages
from tests.local.test_workflow import captures_since

BAD = {"note.txt": b"hello", "empty.png": b"", "cut.png": b"\x89PNG\r\n\x1a\n" + b"?" * 50}
PREFIX = "many"


@pytest.fixture(scope="module")
def pictures(deployment: Deployment) -> list[str]:
    """Keys of 230 pictures below `many/`, bad ones among them, in the order of a listing."""
    s3 = deployment.cloud.client("s3")
    good = list(deployment.dataset.truth)
    for number in range(230 - len(BAD)):
        s3.copy_object(
            Bucket=deployment.data_bucket,
            Key=f"{PREFIX}/{number:04}.png",
            CopySource={"Bucket": deployment.data_bucket, "Key": good[number % len(good)]},
        )
    for name, body in BAD.items():
        s3.put_object(Bucket=deployment.data_bucket, Key=f"{PREFIX}/{name}", Body=body)
    listed = s3.list_objects_v2(Bucket=deployment.data_bucket, Prefix=f"{PREFIX}/")["Contents"]
    return sorted(each["Key"] for each in listed)


def classify(deployment: Deployment, **source: str) -> tuple[Run, Summary]:
    run = start(deployment.settings, source)
    return run, follow(run, lambda *_: None)


def copies(deployment: Deployment, key: str, folder: str, count: int) -> None:
    for number in range(count):
        deployment.cloud.client("s3").copy_object(
            Bucket=deployment.data_bucket,
            Key=f"{folder}/{number:02}.png",
            CopySource={"Bucket": deployment.data_bucket, "Key": key},
        )


def lines(deployment: Deployment, summary: Summary) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read(deployment, summary.location).splitlines()]


def read(deployment: Deployment, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = deployment.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def finished(deployment: Deployment, run: Run) -> int:
    """Pictures that need not be classified again, once every call of the function has ended."""
    s3 = deployment.cloud.client("s3")
    bucket, _, folder = run.results.removeprefix("s3://").partition("/")
    expected, deadline = begun(deployment, run), time.monotonic() + 60
    while True:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/parts/").get("Contents", [])
        bodies = [read(deployment, f"s3://{bucket}/{each['Key']}") for each in listed]
        statuses = [json.loads(line)["status"] for body in bodies for line in body.splitlines()]
        if len(statuses) == expected:
            return sum(status != "failed" for status in statuses)
        assert time.monotonic() < deadline, f"{len(statuses)} lines of {expected} pictures"
        time.sleep(0.2)


def begun(deployment: Deployment, run: Run) -> int:
    """Pictures of the batches that the function was called for."""
    client = deployment.cloud.client("stepfunctions")
    (map_run,) = client.list_map_runs(executionArn=run.execution_arn)["mapRuns"]
    children = client.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    pictures = 0
    for arn in (child["executionArn"] for child in children):
        events = client.get_execution_history(executionArn=arn)["events"]
        if any(event["type"] == "TaskScheduled" for event in events):
            pictures += len(
                json.loads(client.describe_execution(executionArn=arn)["input"])["Items"]
            )
    return pictures


@contextmanager
def calls(deployment: Deployment, expected: int) -> Iterator[None]:
    """Expects so many calls of the endpoint, by what it captured."""
    time.sleep(1 - time.time() % 1)  # captures tell whole seconds
    since = datetime.now(UTC).replace(microsecond=0)
    yield
    deadline = time.monotonic() + 30
    while len(captures_since(since, deployment)) < expected and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(1)  # in which there might come more
    assert len(captures_since(since, deployment)) == expected


def test_every_picture_gets_one_line_and_a_person_is_told(
    deployment: Deployment, pictures: list[str], messages: Messages
) -> None:
    with calls(deployment, len(pictures) - len(BAD)):
        _, summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/{PREFIX}/")

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
    assert f"{counts['failed']} failed of {len(pictures)} images." in message["Message"]
    assert (
        f"- s3://{deployment.data_bucket}/{PREFIX}/note.txt\n    NotAnImage" in message["Message"]
    )
    assert f"... and {counts['rejected'] - 20} more" in message["Message"]
    assert f"All results are in {summary.location}" in message["Message"]


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
    key = f"lists/some.{suffix}"
    deployment.cloud.client("s3").put_object(
        Bucket=deployment.data_bucket, Key=key, Body="\n".join(rows).encode()
    )

    _, summary = classify(deployment, manifest=f"s3://{deployment.data_bucket}/{key}")

    results = lines(deployment, summary)
    assert [line["key"] for line in results] == [*chosen, None]
    assert results[-1]["error"] == "InvalidImageReference"
    assert f"row {len(chosen) + 1} of the manifest" in results[-1]["reason"]


def test_stopped_and_started_again_it_pays_for_no_picture_twice(
    deployment: Deployment, pictures: list[str]
) -> None:
    stepfunctions = deployment.cloud.client("stepfunctions")
    run = start(deployment.settings, {"prefix": f"s3://{deployment.data_bucket}/{PREFIX}/"})
    while not stepfunctions.list_map_runs(executionArn=run.execution_arn)["mapRuns"]:
        time.sleep(0.05)
    assert resume(deployment.settings, run.name).execution_arn == run.execution_arn
    stepfunctions.stop_execution(executionArn=run.execution_arn)
    with pytest.raises(ClassificationError, match=f"ABORTED.*\n.*--resume {run.name}"):
        follow(run, lambda *_: None)
    done = finished(deployment, run)

    command = [sys.executable, "-m", "scones", "classify", "--resume", run.name]
    with calls(deployment, len(pictures) - len(BAD) - done):
        # Two terminals, or two machines: one starts the execution, the other joins it.
        commands = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(2)
        ]
        said = [process.communicate(timeout=120)[0] for process in commands]

    assert [process.returncode for process in commands] == [EXIT_NOT_ALL_ACCEPTED] * 2, said
    names = [
        each["name"]
        for each in stepfunctions.list_executions(
            stateMachineArn=deployment.outputs("Batch")["BulkStateMachineArn"]
        )["executions"]
        if each["name"].startswith(run.name)
    ]
    assert sorted(names) == [run.name, f"{run.name}-again-1"]
    assert [f"following {run.execution_arn}-again-1" in each for each in said].count(True) == 1
    with calls(deployment, 0):
        again = resume(deployment.settings, run.name)
        summary = follow(again, lambda *_: None)
    assert again.results == run.results
    assert [line["key"] for line in lines(deployment, summary)] == pictures


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            {"prefix": "s3://elsewhere/pictures/"},
            "InvalidInput: s3://elsewhere/pictures/ is not in",
        ),
        ({"prefix": "s3://{bucket}/none/"}, "NothingToClassify: .*no picture found"),
        (
            {"manifest": "s3://{bucket}/lists/gone.csv"},
            "InvalidInput: .*cannot be read: .*no.* exist",
        ),
        (
            {"manifest": "s3://{bucket}/lists/twice.csv"},
            "InvalidInput: .*cannot contain duplicates",
        ),
        ({}, "InvalidInput: the input is {}; expected"),
    ],
)
def test_what_cannot_be_classified_is_said_and_told_of(
    deployment: Deployment, messages: Messages, source: dict[str, str], said: str
) -> None:
    given = {name: uri.format(bucket=deployment.data_bucket) for name, uri in source.items()}
    deployment.cloud.client("s3").put_object(
        Bucket=deployment.data_bucket, Key="lists/twice.csv", Body=b"key,key\na.png,b.png\n"
    )

    with pytest.raises(ClassificationError, match=said):
        classify(deployment, **given)

    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"


@dataclass
class Front:
    """Stands between the function and the real endpoint, and refuses some of the calls."""

    runtime: Any
    """A client of the real one: the function's signature is for this host only."""
    refusals: int = 0
    """So many of the first calls are throttled."""
    poison: bytes = b""
    """The picture that the model fails for."""
    refused: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Return the status, the type of the error if it is one, and the body."""
        with self.lock:
            throttle = self.refused < self.refusals
            self.refused += throttle
        if throttle:
            return 400, "ThrottlingException", b'{"message": "Rate exceeded"}'
        if body == self.poison:
            said = {"OriginalStatusCode": 500, "OriginalMessage": "cannot decode"}
            return 424, "ModelError", json.dumps(said).encode()
        answer = self.runtime.invoke_endpoint(
            EndpointName=unquote(path.split("/")[2]), Body=body, ContentType=headers["Content-Type"]
        )
        return 200, "", answer["Body"].read()


@contextmanager
def in_front(deployment: Deployment, **refused: Any) -> Iterator[Front]:
    """Lets the function call the endpoint by way of a `Front`."""
    front = Front(deployment.cloud.client("sagemaker-runtime"), **refused)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with front.lock:
                front.at_once += 1
                front.most_at_once = max(front.most_at_once, front.at_once)
            status, error, answer = front.answer(self.path, dict(self.headers.items()), body)
            with front.lock:
                front.at_once -= 1
            self.send_response(status)
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    client = deployment.cloud.client("lambda")
    (function,) = (
        each
        for each in client.list_functions(MaxItems=50)["Functions"]
        if "ClassifyBatch" in each["FunctionName"]
    )
    variables = function["Environment"]["Variables"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def configure(values: dict[str, str]) -> None:
        client.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": values}
        )

    name = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"
    try:
        configure({**variables, name: f"http://127.0.0.1:{server.server_port}"})
        yield front
    finally:
        configure(variables)
        server.shutdown()


def test_a_picture_that_the_model_fails_for_is_a_failed_line_and_the_run_goes_on(
    deployment: Deployment, pictures: list[str], messages: Messages
) -> None:
    bad = f"{PREFIX}/0000.png"
    poison = read(deployment, f"s3://{deployment.data_bucket}/{bad}") + b"poison"
    s3 = deployment.cloud.client("s3")
    s3.put_object(Bucket=deployment.data_bucket, Key="poison/bad.png", Body=poison)
    copies(deployment, bad, "poison", 20)

    with in_front(deployment, poison=poison):
        _, summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/poison/")

    results = lines(deployment, summary)
    assert (summary.counts["images"], summary.counts["failed"]) == (21, 1)
    (failed,) = (line for line in results if line["status"] == "failed")
    assert (failed["key"], failed["error"]) == ("poison/bad.png", "ModelFailed")
    assert "answered 500: cannot decode" in failed["reason"]
    (message,) = messages(1)
    assert "poison/bad.png\n    ModelFailed: " in message["Message"]


def test_throttling_slows_it_down_and_fails_nothing(
    deployment: Deployment, pictures: list[str]
) -> None:
    copies(deployment, pictures[0], "throttled", 20)

    with in_front(deployment, refusals=12) as front:
        _, summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/throttled/")

    assert (summary.counts["images"], summary.counts["failed"]) == (20, 0)
    assert front.refused == 12
    assert front.most_at_once <= deployment.settings.bulk.threads  # 20 pictures are one batch
