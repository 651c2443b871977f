"""The baseline of a model as a CloudFormation custom resource.

Made from the validation pictures as soon as the endpoint serves the model; other inputs make
another baseline, and CloudFormation then deletes the old one.
Contract: the provider framework of aws-cdk-lib's custom_resources.
"""

import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import boto3
from botocore.config import Config

from lambda_src.shared import json_limits, probabilities
from lambda_src.shared.events import (
    bucket_name,
    digest,
    invalid,
    mapping,
    object_key,
    shown,
    text,
    texts,
)

from .baseline import MINIMUM, Baseline, BaselineDamaged, Observation, StoredBaseline
from .captures import BASELINE_PREFIX
from .drift import compare_models
from .metrics import MODEL, Metrics, drift_of
from .pictures import NotMeasuredError, measure

FOLDER = "baselines/"
PICTURES = 400
"""About so many are classified, of each class its share of the traffic; fewer where there are fewer
of a class."""
WORKERS = 8
CONTENT_TYPE = "application/x-image"  # PNG and JPEG

STAGE_AGAIN = "stage the data again: scones stage; or set drift.enabled = false"

# S3 says that an object is missing, or cannot exist. 404: it repeats a key with control characters
# in XML that is none, which botocore drops.
MISSING = ("NoSuchBucket", "NoSuchKey", "404", "KeyTooLongError")

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


class Inputs(NamedTuple):
    """The resource's properties."""

    artifact_bucket: str
    data_bucket: str
    dataset_prefix: str
    model_data_url: str
    endpoint_name: str
    namespace: str
    classes: list[str]
    shares: list[float]

    @classmethod
    def of(cls, properties: Properties) -> Self:
        """Read the properties as CloudFormation sends them: numbers are texts.

        Raises:
            InvalidEvent: one is missing, or of another type.
        """
        classes, shares = texts(properties, "Classes"), texts(properties, "ClassShares")
        if len(classes) < 2 or len(shares) != len(classes) or not all(map(_is_share, shares)):
            raise invalid(
                "ClassShares", shares, f"a share above 0 and up to 1 of each of {shown(classes)}"
            )
        return cls(
            artifact_bucket=bucket_name(properties, "ArtifactBucket"),
            data_bucket=bucket_name(properties, "DataBucket"),
            dataset_prefix=object_key(properties, "DatasetPrefix"),
            model_data_url=text(properties, "ModelDataUrl"),
            endpoint_name=text(properties, "EndpointName"),
            namespace=text(properties, "Namespace"),
            classes=classes,
            shares=[float(share) for share in shares],
        )


def _is_share(share: str) -> bool:
    try:
        return 0 < float(share) <= 1
    except ValueError:
        return False


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
        InvalidEvent: a property is missing, or of another type.
    """
    kind = text(event, "RequestType")
    properties = mapping(event, "ResourceProperties")
    if kind == "Delete":
        bucket, old = bucket_name(properties, "ArtifactBucket"), text(event, "PhysicalResourceId")
        if old.startswith(FOLDER):
            s3.delete_object(Bucket=bucket, Key=old)
        return {"PhysicalResourceId": old}
    inputs, key = Inputs.of(properties), _key(properties)
    made = _make(inputs)
    if kind == "Update":
        _compare_with_the_old(made, inputs, old_key=text(event, "PhysicalResourceId"))
    made.save(s3, bucket=inputs.artifact_bucket, key=key)
    accuracy = f"{made.baseline.accuracy:.4f}"
    logger.info("%s: %d pictures, accuracy %s", key, made.baseline.count, accuracy)
    return {"PhysicalResourceId": key, "Data": {"Key": key, "Accuracy": accuracy}}


def _key(properties: Properties) -> str:
    inputs = {name: value for name, value in properties.items() if name != "ServiceToken"}
    return f"{FOLDER}{digest(inputs)[:20]}.json"


def _make(inputs: Inputs) -> StoredBaseline:
    created = datetime.now(UTC).replace(microsecond=0)
    rows = _chosen(_rows(inputs), inputs)
    classify = _classifier(inputs)
    with ThreadPoolExecutor(WORKERS) as pool:
        observations = list(pool.map(classify, rows))
    return StoredBaseline(
        created=created,
        model_data_url=inputs.model_data_url,
        dataset=inputs.dataset_prefix,
        classes=tuple(inputs.classes),
        baseline=Baseline.of(
            observations,
            class_count=len(inputs.classes),
            labels=[row.label for row in rows],
        ),
    )


def _rows(inputs: Inputs) -> list[_Row]:
    """Lines of the dataset's validation.lst, index<TAB>label<TAB>path."""
    classes = inputs.classes
    found = _staged_classes(inputs)
    if found != classes:
        raise NotStaged(
            f"{inputs.dataset_prefix} has the classes {shown(found)}, the model has "
            f"{shown(classes)}; {STAGE_AGAIN}"
        )
    lines = _dataset_file(inputs, "validation.lst").splitlines()
    labels = [float(label) for label in range(len(classes))]
    return [_row(line, inputs, labels) for line in lines if line]


def _staged_classes(inputs: Inputs) -> object:
    try:
        manifest = json_limits.parse(_dataset_file(inputs, "manifest.json"))
    except ValueError as error:
        raise NotStaged(
            f"manifest.json of {inputs.dataset_prefix} is not JSON: {error}; {STAGE_AGAIN}"
        ) from error
    return manifest.get("classes") if isinstance(manifest, dict) else None


def _row(line: bytes, inputs: Inputs, labels: list[float]) -> _Row:
    try:
        _, label, path = line.decode().split("\t")
        return _Row(labels.index(float(label)), path)
    except ValueError as error:
        raise NotStaged(
            f"validation.lst of {inputs.dataset_prefix} has the line {line[:200]!r}, "
            f"expected index, label below {len(labels)} and path between tabs; {STAGE_AGAIN}"
        ) from error


def _chosen(rows: list[_Row], inputs: Inputs) -> list[_Row]:
    """The first rows of each class, as many as its share."""
    shares = inputs.shares
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
            f"{inputs.dataset_prefix} has {len(by_label[scarce])} validation pictures of "
            f"{inputs.classes[scarce]!r}; a baseline takes {MINIMUM} or more in all, "
            f"{math.ceil(MINIMUM * shares[scarce])} of that class; stage more of it: "
            "scones stage; or set drift.enabled = false"
        )
    return chosen


def _classifier(inputs: Inputs) -> Callable[[_Row], Observation]:
    endpoint, classes = inputs.endpoint_name, inputs.classes

    def classify(row: _Row) -> Observation:
        picture = _dataset_file(inputs, f"validation/{row.path}")
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


def _dataset_file(inputs: Inputs, path: str) -> bytes:
    bucket, key = inputs.data_bucket, f"{inputs.dataset_prefix}/{path}"
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        raise NotStaged(
            f"s3://{bucket}/{key} does not exist, and without validation pictures there is nothing "
            "to compare the traffic with; stage the data: scones stage; or set "
            "drift.enabled = false"
        ) from error


def _compare_with_the_old(made: StoredBaseline, inputs: Inputs, *, old_key: str) -> None:
    """Tell CloudWatch how the new model does beside the old one, if they can be compared."""
    try:
        old = StoredBaseline.load(s3, bucket=inputs.artifact_bucket, key=old_key)
    except (s3.exceptions.NoSuchKey, BaselineDamaged) as error:
        logger.warning("no earlier baseline %s to compare with: %s", old_key, error)
        return
    if old.classes != made.classes:
        logger.info("not compared with %s: it has the classes %s", old_key, old.classes)
        return
    comparisons = compare_models(old.baseline, made.baseline)
    for each in comparisons:
        logger.info("beside the earlier model: %s", each)
    metrics = Metrics(cloudwatch, namespace=inputs.namespace, endpoint_name=inputs.endpoint_name)
    metrics.publish(drift_of(comparisons, prefix=MODEL), datetime.now(UTC))
