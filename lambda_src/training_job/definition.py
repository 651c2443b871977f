"""The request for a training job, from the resource's properties and the staged dataset."""

import logging
from collections.abc import Mapping
from typing import Any

import boto3

from lambda_src.shared.events import (
    InvalidEvent,
    bucket_name,
    digest,
    invalid,
    mapping,
    object_key,
    sequence,
    text,
    whole_number,
)
from lambda_src.shared.staged_dataset import StagedDataset, expected_classes

from . import balanced_list

Properties = dict[str, Any]
Definition = dict[str, Any]

MINI_BATCH_SIZE = 32  # the algorithm's default
GB = 10**9

logger = logging.getLogger()

s3 = boto3.client("s3")


def define(properties: Properties) -> Definition:
    """Return the CreateTrainingJob request, but for the job's name and what depends on it."""
    staged = _dataset(properties)
    manifest = staged.manifest()
    pictures = _training_pictures(staged, manifest)
    train_list, lines = "train.lst", sum(pictures.values())
    if _is_balanced(properties, pictures):
        train_list, lines = balanced_list.NAME, sum(balanced_list.lines(pictures).values())
    dataset = f"s3://{staged.bucket}/{staged.prefix}"
    definition: Definition = {
        "AlgorithmSpecification": {
            "TrainingImage": text(properties, "TrainingImage"),
            "TrainingInputMode": "File",
        },
        "RoleArn": text(properties, "RoleArn"),
        "HyperParameters": {
            **_fitting(_texts_by_name(properties, "HyperParameters"), manifest, lines),
            "num_classes": str(len(manifest["classes"])),
            "num_training_samples": str(lines),
        },
        "InputDataConfig": [
            _channel("train", f"{dataset}/train/"),
            _channel("validation", f"{dataset}/validation/"),
            _channel("train_lst", f"{dataset}/{train_list}"),
            _channel("validation_lst", f"{dataset}/validation.lst"),
        ],
        "OutputDataConfig": {"S3OutputPath": text(properties, "OutputPath")},
        "ResourceConfig": {
            "InstanceType": text(properties, "InstanceType"),
            "InstanceCount": _number(properties, "InstanceCount"),
            "VolumeSizeInGB": _number(properties, "VolumeSizeInGB")
            + _data_gb(staged, manifest, repeated=lines / sum(pictures.values())),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _number(properties, "MaxRuntimeInSeconds")},
        "EnableNetworkIsolation": True,
    }
    if properties.get("Spot"):
        spot = mapping(properties, "Spot")
        definition["EnableManagedSpotTraining"] = True
        definition["StoppingCondition"]["MaxWaitTimeInSeconds"] = _number(spot, "MaxWaitInSeconds")
        definition["CheckpointConfig"] = {"S3Uri": text(spot, "CheckpointPath")}
    if properties.get("OutputKmsKeyId"):
        definition["OutputDataConfig"]["KmsKeyId"] = text(properties, "OutputKmsKeyId")
    if properties.get("VolumeKmsKeyId"):
        definition["ResourceConfig"]["VolumeKmsKeyId"] = text(properties, "VolumeKmsKeyId")
    if properties.get("InitialModelDataUrl"):
        initial_model = text(properties, "InitialModelDataUrl")
        channel = _channel("model", initial_model, "application/x-sagemaker-model")
        definition["InputDataConfig"].append(channel)
    return definition


def first_name(properties: Properties, definition: Definition) -> str:
    """Return the name of the first job of a definition; other definitions have other names."""
    return f"{text(properties, 'JobNamePrefix')}-{digest(definition)[:12]}"


def request(properties: Properties, definition: Definition, *, name: str) -> dict[str, Any]:
    """Return the whole CreateTrainingJob request."""
    checkpoints = {}
    if "CheckpointConfig" in definition:
        # Later attempts at the same inputs resume from these checkpoints, other jobs must not.
        uri = definition["CheckpointConfig"]["S3Uri"]
        folder = first_name(properties, definition)
        checkpoints = {"CheckpointConfig": {"S3Uri": f"{uri}/{folder}"}}
    tags = [
        {"Key": text(tag, "Key"), "Value": text(tag, "Value", may_be_empty=True)}
        for tag in sequence(properties, "Tags")
    ]
    return {**definition, **checkpoints, "TrainingJobName": name, "Tags": tags}


def classes_of(properties: Properties) -> list[str]:
    """Return the classes of the job: the listed ones, or those of the dataset."""
    dataset = _dataset(properties)
    return list(dataset.classes or dataset.manifest()["classes"])


def _dataset(properties: Properties) -> StagedDataset:
    bucket, prefix = bucket_name(properties, "DataBucket"), object_key(properties, "DatasetPrefix")
    return StagedDataset(s3, bucket, prefix, expected_classes(properties))


def _training_pictures(dataset: StagedDataset, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of training pictures of each class."""
    try:
        counts = mapping(manifest, "counts")
        train, validation = (
            {name: whole_number(mapping(counts, split), name) for name in manifest["classes"]}
            for split in ("train", "validation")
        )
    except InvalidEvent as error:
        raise dataset.fault("manifest.json", f"is damaged: {error}") from error
    for split, pictures in (("training", train), ("validation", validation)):
        for name, count in pictures.items():
            if not count:
                raise dataset.fault("manifest.json", f"has no {split} picture of {name!r}")
    return train


def _data_gb(dataset: StagedDataset, manifest: Mapping[str, Any], *, repeated: float) -> int:
    """Return the whole GB of the pictures and of the algorithm's copy of them."""
    try:
        # Datasets from before this was counted have pictures of 32 pixels.
        size = whole_number(manifest, "bytes") if "bytes" in manifest else 0
    except InvalidEvent as error:
        raise dataset.fault("manifest.json", f"is damaged: {error}") from error
    return int(size * (1 + repeated)) // GB


def _is_balanced(properties: Properties, pictures: Mapping[str, int]) -> bool:
    if not properties.get("ClassWeights"):
        return False
    wanted = text(properties, "ClassWeights")
    return wanted == "balanced" and len(set(pictures.values())) > 1


def write_lists(properties: Properties) -> None:
    """Write what the job reads beside the staged files."""
    dataset = _dataset(properties)
    pictures = _training_pictures(dataset, dataset.manifest())
    if _is_balanced(properties, pictures):
        balanced_list.write(dataset, pictures)


def _fitting(
    hyperparameters: dict[str, str], manifest: Mapping[str, Any], lines: int
) -> dict[str, str]:
    """Return the hyperparameters, with a batch that is no larger than the training list."""
    classes = len(manifest["classes"])
    if "top_k" in hyperparameters and _number(hyperparameters, "top_k") >= classes:
        raise invalid(
            "top_k", hyperparameters["top_k"], f"a number below that of the classes, {classes}"
        )
    size = MINI_BATCH_SIZE
    if "mini_batch_size" in hyperparameters:
        size = _number(hyperparameters, "mini_batch_size")
    if size <= lines:
        return hyperparameters
    logger.warning("mini_batch_size: %d, the training pictures, instead of %d", lines, size)
    return {**hyperparameters, "mini_batch_size": str(lines)}


def _number(properties: Properties, name: str) -> int:
    """Return a whole number of 1 or more, which CloudFormation sends as text."""
    value = text(properties, name)
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise invalid(name, value, "a whole number of 1 or more, in digits")
    return int(value)


def _texts_by_name(properties: Properties, name: str) -> dict[str, str]:
    values = mapping(properties, name)
    return {each: text(values, each) for each in values}


def _channel(name: str, uri: str, content_type: str = "application/x-image") -> dict[str, Any]:
    return {
        "ChannelName": name,
        "ContentType": content_type,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
