"""The baseline of a model as a CloudFormation custom resource.

It is made from the validation pictures as soon as the endpoint serves the model. Other inputs make
another baseline, and CloudFormation then deletes the old one. Called by the provider framework of
aws-cdk-lib's custom_resources.
"""

import hashlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import boto3
from botocore.exceptions import ClientError

from lambda_src.shared import probabilities
from lambda_src.shared.events import (
    bucket_name,
    digest,
    invalid,
    mapping,
    object_key,
    text,
    texts,
)
from lambda_src.shared.messages import shown
from lambda_src.shared.picture_steps import (
    EndpointUnavailable,
    ImageRefused,
    InvalidPrediction,
    classify,
    endpoint_client,
)
from lambda_src.shared.staged_dataset import StagedDataset, expected_classes

from .baseline import MAX_SIDE, Baseline, BaselineDamaged, Observation, StoredBaseline
from .captures import BASELINE_PREFIX
from .drift import compare_models
from .metrics import MODEL, Metrics, drift_of
from .picture_statistics import SIDE, NotMeasuredError, measure
from .validation_pictures import Row, choose

FOLDER = "baselines/"
REMEDY = "stage the data: scones stage; or set drift.enabled = false"
WORKERS = 8

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
runtime = endpoint_client({"mode": "standard", "total_max_attempts": 5})
cloudwatch = boto3.client("cloudwatch")


class EndpointNotUsable(Exception):
    """The endpoint does not classify a validation picture."""


class Inputs(NamedTuple):
    """The resource's properties."""

    artifact_bucket: str
    dataset: StagedDataset
    model_data_url: str
    endpoint_name: str
    namespace: str
    shares: list[float]
    """Of each class in the traffic; empty: those of the validation pictures."""

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """Read the properties as CloudFormation sends them: numbers are texts."""
        classes = expected_classes(properties)
        shares = texts(properties, "ClassShares") if "ClassShares" in properties else []
        if shares and (len(shares) != len(classes) or not all(map(_is_share, shares))):
            raise invalid(
                "ClassShares", shares, f"a share above 0 and up to 1 of each of {shown(classes)}"
            )
        data, prefix = (
            bucket_name(properties, "DataBucket"),
            object_key(properties, "DatasetPrefix"),
        )
        return cls(
            artifact_bucket=bucket_name(properties, "ArtifactBucket"),
            dataset=StagedDataset(s3, data, prefix, classes, REMEDY),
            model_data_url=text(properties, "ModelDataUrl"),
            endpoint_name=text(properties, "EndpointName"),
            namespace=text(properties, "Namespace"),
            shares=[float(share) for share in shares],
        )


def _is_share(share: str) -> bool:
    try:
        return 0 < float(share) <= 1
    except ValueError:
        return False


def on_event(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Create, Update: make the baseline of these inputs. Delete: remove it.

    The physical id is the baseline's key; another key makes CloudFormation delete the old one.
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


def _key(properties: Mapping[str, Any]) -> str:
    inputs = {name: value for name, value in properties.items() if name != "ServiceToken"}
    return f"{FOLDER}{digest(inputs)[:20]}.json"


def _make(inputs: Inputs) -> StoredBaseline:
    created = datetime.now(UTC).replace(microsecond=0)
    dataset = inputs.dataset
    manifest = dataset.manifest()
    classes, side = manifest["classes"], manifest.get("side", SIDE)
    if type(side) is not int or not 1 <= side <= MAX_SIDE:
        raise dataset.fault("manifest.json", f"has the side {shown(side)}, expected pixels")
    rows, part = choose(dataset, classes, inputs.shares)
    with ThreadPoolExecutor(WORKERS) as pool:
        observations = list(
            pool.map(lambda row: _observe(inputs, row, classes=len(classes), side=side), rows)
        )
    labels = [row.label for row in rows]
    return StoredBaseline(
        created=created,
        model_data_url=inputs.model_data_url,
        dataset=dataset.prefix,
        classes=tuple(classes),
        baseline=Baseline.of(observations, class_count=len(classes), labels=labels, part=part),
        side=side,
    )


def _observe(inputs: Inputs, row: Row, *, classes: int, side: int) -> Observation:
    picture = inputs.dataset.read(f"validation/{row.path}")
    answered = _probabilities(inputs, picture, row.path, classes)
    try:
        return Observation.of(answered, *measure(picture, side=side))
    except NotMeasuredError as error:
        logger.warning("not measured: %s: %s", row.path, error)
        return Observation.of(answered)


def _probabilities(inputs: Inputs, picture: bytes, path: str, classes: int) -> list[float]:
    name = hashlib.sha256(path.encode()).hexdigest()[:32]
    where = f"endpoint {inputs.endpoint_name}, picture {path}"
    try:
        answered = classify(
            runtime,
            inputs.endpoint_name,
            picture,
            source=path,
            InferenceId=f"{BASELINE_PREFIX}{name}",
        )
    except (ClientError, EndpointUnavailable, ImageRefused, InvalidPrediction) as error:
        raise EndpointNotUsable(f"{where}: {error}") from error
    try:
        return probabilities.check(answered, classes=classes)
    except ValueError as error:
        raise EndpointNotUsable(
            f"{where}: {error}; deploy training and inference with the same dataset"
        ) from error


def _compare_with_the_old(made: StoredBaseline, inputs: Inputs, *, old_key: str) -> None:
    """Publish how the new model does beside the old one, if they can be compared."""
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
        logger.info("compared with the earlier model: %s", each)
    metrics = Metrics(cloudwatch, namespace=inputs.namespace, endpoint_name=inputs.endpoint_name)
    metrics.publish(drift_of(comparisons, prefix=MODEL), datetime.now(UTC))
