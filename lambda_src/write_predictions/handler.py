"""Last step of a batch transform: judge each picture's prediction, and write them as one table.

The algorithm's answers in a transform job: "Inference with the Image Format Algorithm":
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from lambda_src.shared import json_limits, picture_steps, probabilities
from lambda_src.shared.environment import EnvironmentVariables
from lambda_src.shared.events import bucket_name, object_key, text, whole_number
from lambda_src.shared.messages import readable, shown
from lambda_src.shared.result_summary import ResultSummary
from lambda_src.shared.spreadsheets import quote_formulas


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    classes: tuple[str, ...]
    confidence_threshold: float


# Outputs that are read at the same time; more do not help one processor.
THREADS = 32
READ_AHEAD = 1000

COLUMNS = ("key", "label", "confidence", "status", "error", "reason")
LOG_GROUP = "/aws/sagemaker/TransformJobs"

Line = dict[str, Any]

environment = Environment.read()
s3 = boto3.client("s3", config=Config(max_pool_connections=THREADS))


class PredictionsIncomplete(Exception):
    """Not every picture of the manifest has exactly one line."""


class Job(NamedTuple):
    """The transform job whose predictions are written."""

    bucket: str
    output: str
    name: str
    failure: str  # SageMaker's reason


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write `predictions.jsonl`, `predictions.csv` and `summary.json` below `event["output"]`.

    Each picture of check_manifest's two files has a line: key, label, confidence, status (accepted,
    rejected, failed), error and reason. The `.out` objects are in `raw/`; a picture without one
    failed, and `event["failure"]`, if it exists, is SageMaker's reason.

    Returns `counts` and `results` as the workflow's Map does, the latter for at most 20 pictures of
    each status that is not accepted, and the `location` of all.
    """
    bucket, output = bucket_name(event, "bucket"), object_key(event, "output")
    failure = text(event, "failure") if event.get("failure") else "no reason"
    job = Job(bucket, output, text(event, "job"), failure)
    usable, unusable = whole_number(event, "usable"), whole_number(event, "failed")
    # A job may have been started before the deployment that counts folders.
    folders = whole_number(event, "folders") if "folders" in event else 0
    results = ResultSummary(bucket)
    with TemporaryFile() as lines, TemporaryFile() as table:
        # No object has a lone surrogate in its key, but a manifest may.
        cells = io.TextIOWrapper(table, encoding="utf-8", errors="backslashreplace", newline="")
        rows = csv.DictWriter(cells, COLUMNS)
        rows.writeheader()
        for line in _lines(job):
            lines.write(json.dumps(line).encode() + b"\n")
            rows.writerow(_row(line))
            results.add(line)
        cells.flush()
        if (found := results.counts.total()) != usable + unusable:
            raise PredictionsIncomplete(
                f"{found} lines for {shown(usable)} usable and {shown(unusable)} failed pictures "
                f"of s3://{bucket}/{output}/"
            )
        for file, name in ((lines, "predictions.jsonl"), (table, "predictions.csv")):
            file.seek(0)
            s3.upload_fileobj(file, bucket, f"{output}/{name}")
    summary = {
        "counts": results.counts_with(folders=folders),
        "location": f"s3://{bucket}/{output}/predictions.csv",
    }
    s3.put_object(
        Bucket=bucket,
        Key=f"{output}/summary.json",
        Body=json.dumps({**summary, "job": job.name}, indent=2).encode(),
    )
    return {**summary, "results": results.named}


def _row(line: Line) -> dict[str, Any]:
    """Return the cells; all texts but the key are made printable, for people only."""
    printable = {
        name: readable(cell)
        for name, cell in line.items()
        if name != "key" and isinstance(cell, str)
    }
    return {name: quote_formulas(cell) for name, cell in (line | printable).items()}


def _lines(job: Job) -> Iterator[Line]:
    with _as_written_by_check_manifest(job, "manifest.json") as manifest:
        match json.load(manifest):
            case [{"prefix": str()}, *keys] if all(isinstance(key, str) for key in keys):
                "".join(keys).encode()  # refuses lone surrogates, which no key can have
            case _:
                raise ValueError("no manifest")
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(keys), READ_AHEAD):
            yield from pool.map(lambda key: _line(job, key), keys[start : start + READ_AHEAD])
    with _as_written_by_check_manifest(job, "failed.jsonl") as faults:
        for fault in faults.iter_lines():
            match json_limits.parse(fault):
                case {"key": str(key), "error": str(error), "reason": str(reason)}:
                    yield _failed(key, error, reason)
                case _:
                    raise ValueError("not the error of a picture")


@contextmanager
def _as_written_by_check_manifest(job: Job, name: str) -> Iterator[Any]:
    """Open a file of check_manifest; raise PredictionsIncomplete if it is gone or damaged."""
    where = f"s3://{job.bucket}/{job.output}/{name}"
    try:
        yield s3.get_object(Bucket=job.bucket, Key=f"{job.output}/{name}")["Body"]
    except (s3.exceptions.NoSuchKey, ValueError, RecursionError) as error:
        raise PredictionsIncomplete(
            f"{where} is gone, or not what check_manifest wrote; put the manifest below "
            "batch/input/ again"
        ) from error


def _line(job: Job, key: str) -> Line:
    try:
        output = s3.get_object(Bucket=job.bucket, Key=f"{job.output}/raw/{key}.out")
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in picture_steps.MISSING:
            raise
        reason = f"no result; SageMaker reports {job.failure}; see {LOG_GROUP}, {job.name}/"
        return _failed(key, "NoPrediction", reason)
    if output["ContentLength"] > json_limits.MAX_BYTES:
        reason = f"its output has {output['ContentLength']:,} bytes, too many for a prediction"
        return _failed(key, "InvalidPrediction", reason)
    prediction = output["Body"].read()
    try:
        inferences = _inferences(prediction)
    except ValueError as error:
        reason = f'expected {{"prediction": [...]}}, found {prediction[:100]!r}: {error}'
        return _failed(key, "InvalidPrediction", reason)
    try:
        verdict = picture_steps.judge(
            inferences,
            classes=environment.classes,
            threshold=environment.confidence_threshold,
            source=f"s3://{job.bucket}/{key}",
        )
    except picture_steps.ClassCountMismatch as error:
        return _failed(key, "ClassCountMismatch", str(error))
    return {
        "key": key,
        "label": verdict.label,
        "confidence": verdict.confidence,
        "status": verdict.status,
        "error": None,
        "reason": verdict.reason,
    }


def _inferences(prediction: bytes) -> list[float]:
    match json_limits.parse(prediction):
        case {"prediction": values}:
            return probabilities.check(values)
    raise ValueError("no member prediction")


def _failed(key: str, error: str, reason: str) -> Line:
    nothing = {"label": None, "confidence": None}
    return {"key": key, **nothing, "status": "failed", "error": error, "reason": reason}
