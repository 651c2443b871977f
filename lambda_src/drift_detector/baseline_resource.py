"""The baseline of a model as a CloudFormation custom resource.

Made from the validation pictures as soon as the endpoint serves the model; other inputs make
another baseline, and CloudFormation then deletes the old one.
Contract: the provider framework of aws-cdk-lib's custom_resources.
"""

import hashlib
import json
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from lambda_src.shared import json_limits, probabilities
from lambda_src.shared.events import shown

from . import figures
from .baseline import MINIMUM, Baseline, Observation
from .captures import BASELINE_PREFIX
from .drift import compare_models
from .figures import Metrics
from .pictures import NotMeasuredError, measure
from .stored_baseline import StoredBaseline

FOLDER = "baselines/"
PICTURES = 400
"""About so many are classified, of each class its share of the traffic; fewer where there are fewer
of a class."""
WORKERS = 8
CONTENT_TYPE = "application/x-image"  # PNG and JPEG
STAGE_AGAIN = "stage the data again: python -m training.stage; or set drift.enabled = false"

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
runtime = boto3.client(
    "sagemaker-runtime",
    config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
)
cloudwatch = boto3.client("cloudwatch")

Properties = Mapping[str, Any]


class NotStaged(Exception):
    """There are no, or too few, validation pictures of a class to make a baseline from."""


class EndpointNotUsable(Exception):
    """The endpoint does not classify a validation picture."""


class _Row(NamedTuple):
    """One line of validation.lst."""

    label: int
    path: str


def on_event(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Create, Update: make the baseline of these inputs. Delete: remove it.

    The physical id is the baseline's key; another key makes CloudFormation delete the old one.

    Raises:
        NotStaged: the dataset is missing, has other classes, or too few pictures of one.
        EndpointNotUsable: a picture is not answered with a probability for each class.
    """
    properties = event["ResourceProperties"]
    bucket = properties["ArtifactBucket"]
    if event["RequestType"] == "Delete":
        if (old := event["PhysicalResourceId"]).startswith(FOLDER):
            s3.delete_object(Bucket=bucket, Key=old)
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    made = _make(properties)
    key = _key(properties)
    if event["RequestType"] == "Update":
        _compare_with_the_old(made, properties, old_key=event["PhysicalResourceId"])
    made.save(s3, bucket=bucket, key=key)
    accuracy = f"{made.baseline.accuracy:.4f}"
    logger.info("%s: %d pictures, accuracy %s", key, made.baseline.count, accuracy)
    return {"PhysicalResourceId": key, "Data": {"Key": key, "Accuracy": accuracy}}


def _key(properties: Properties) -> str:
    inputs = {name: value for name, value in properties.items() if name != "ServiceToken"}
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:20]
    return f"{FOLDER}{digest}.json"


def _make(properties: Properties) -> StoredBaseline:
    created = datetime.now(UTC).replace(microsecond=0)
    rows = _chosen(_rows(properties), properties)
    classify = _classifier(properties)
    with ThreadPoolExecutor(WORKERS) as pool:
        observations = list(pool.map(classify, rows))
    return StoredBaseline(
        created=created,
        model_data_url=properties["ModelDataUrl"],
        dataset=properties["DatasetPrefix"],
        classes=tuple(properties["Classes"]),
        baseline=Baseline.of(
            observations,
            class_count=len(properties["Classes"]),
            labels=[row.label for row in rows],
        ),
    )


def _rows(properties: Properties) -> list[_Row]:
    """Lines of the dataset's validation.lst, index<TAB>label<TAB>path."""
    classes = list(properties["Classes"])
    found = _staged_classes(properties)
    if found != classes:
        raise NotStaged(
            f"{properties['DatasetPrefix']} has the classes {shown(found)}, the model has "
            f"{classes}; {STAGE_AGAIN}"
        )
    lines = _dataset_file(properties, "validation.lst").splitlines()
    labels = [float(label) for label in range(len(classes))]
    return [_row(line, properties, labels) for line in lines if line]


def _staged_classes(properties: Properties) -> object:
    try:
        manifest = json_limits.parse(_dataset_file(properties, "manifest.json"))
    except ValueError as error:
        raise NotStaged(
            f"manifest.json of {properties['DatasetPrefix']} is not JSON: {error}; {STAGE_AGAIN}"
        ) from error
    return manifest.get("classes") if isinstance(manifest, dict) else None


def _row(line: bytes, properties: Properties, labels: list[float]) -> _Row:
    try:
        _, label, path = line.decode().split("\t")
        return _Row(labels.index(float(label)), path)
    except ValueError as error:
        raise NotStaged(
            f"validation.lst of {properties['DatasetPrefix']} has the line {line[:200]!r}, "
            f"expected index, label below {len(labels)} and path between tabs; {STAGE_AGAIN}"
        ) from error


def _chosen(rows: list[_Row], properties: Properties) -> list[_Row]:
    """The first rows of each class, as many as its share."""
    shares = [float(share) for share in properties["ClassShares"]]
    by_label: defaultdict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    count = min(PICTURES, *(len(by_label[label]) / share for label, share in enumerate(shares)))
    chosen = [
        row for label, share in enumerate(shares) for row in by_label[label][: round(count * share)]
    ]
    if len(chosen) < MINIMUM:
        scarce = min(range(len(shares)), key=lambda label: len(by_label[label]) / shares[label])
        raise NotStaged(
            f"{properties['DatasetPrefix']} has {len(by_label[scarce])} validation pictures of "
            f"{properties['Classes'][scarce]!r}; a baseline takes {MINIMUM} or more in all, "
            f"{math.ceil(MINIMUM * shares[scarce])} of that class; stage more of it: "
            "python -m training.stage; or set drift.enabled = false"
        )
    return chosen


def _classifier(properties: Properties) -> Callable[[_Row], Observation]:
    endpoint, classes = properties["EndpointName"], properties["Classes"]

    def classify(row: _Row) -> Observation:
        picture = _dataset_file(properties, f"validation/{row.path}")
        answered = _probabilities(endpoint, picture, row.path, classes=len(classes))
        confidence = max(answered)
        best_class = answered.index(confidence)
        try:
            return Observation(confidence, best_class, *measure(picture))
        except NotMeasuredError as error:
            logger.warning("not measured: %s: %s", row.path, error)
            return Observation(confidence, best_class)

    return classify


def _probabilities(endpoint: str, picture: bytes, path: str, *, classes: int) -> list[float]:
    digest = hashlib.sha256(path.encode()).hexdigest()[:32]
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint,
            ContentType=CONTENT_TYPE,
            Body=picture,
            InferenceId=f"{BASELINE_PREFIX}{digest}",
        )
        reply = response["Body"].read()
    except runtime.exceptions.ClientError as error:
        raise EndpointNotUsable(f"endpoint {endpoint}, picture {path}: {error}") from error
    try:
        return probabilities.check(json_limits.parse(reply), classes=classes)
    except ValueError as error:
        raise EndpointNotUsable(
            f"endpoint {endpoint}, picture {path}: it answered {reply[:200]!r}: {error}; "
            "deploy training and inference with the same dataset"
        ) from error


def _dataset_file(properties: Properties, path: str) -> bytes:
    bucket, key = properties["DataBucket"], f"{properties['DatasetPrefix']}/{path}"
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise NotStaged(
            f"s3://{bucket}/{key} does not exist, and without validation pictures there is nothing "
            "to compare the traffic with; stage the data: python -m training.stage; or set "
            "drift.enabled = false"
        ) from error


def _compare_with_the_old(made: StoredBaseline, properties: Properties, *, old_key: str) -> None:
    """Tell CloudWatch how the new model does beside the old one, if they can be compared."""
    try:
        old = StoredBaseline.load(s3, bucket=properties["ArtifactBucket"], key=old_key)
    except s3.exceptions.NoSuchKey:
        logger.warning("no earlier baseline %s to compare with", old_key)
        return
    if old.classes != made.classes:
        logger.info("not compared with %s: it has the classes %s", old_key, old.classes)
        return
    comparisons = compare_models(old.baseline, made.baseline)
    for each in comparisons:
        logger.info("beside the earlier model: %s", each)
    metrics = Metrics(
        cloudwatch, namespace=properties["Namespace"], endpoint_name=properties["EndpointName"]
    )
    metrics.publish(
        {f"{figures.MODEL}{name}": value for name, value in figures.of(comparisons).items()},
        datetime.now(UTC),
    )
