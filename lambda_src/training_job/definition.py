"""The request for a training job, from the resource's properties and the staged dataset."""

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
    texts,
    whole_number,
)
from lambda_src.shared.staged_dataset import StagedDataset

Properties = dict[str, Any]
Definition = dict[str, Any]

s3 = boto3.client("s3")


def define(properties: Properties) -> Definition:
    """Return the CreateTrainingJob request, but for the job's name and what depends on it."""
    bucket, prefix = bucket_name(properties, "DataBucket"), object_key(properties, "DatasetPrefix")
    classes = texts(properties, "Classes")
    pictures = _training_pictures(StagedDataset(s3, bucket, prefix, classes))
    dataset = f"s3://{bucket}/{prefix}"
    definition: Definition = {
        "AlgorithmSpecification": {
            "TrainingImage": text(properties, "TrainingImage"),
            "TrainingInputMode": "File",
        },
        "RoleArn": text(properties, "RoleArn"),
        "HyperParameters": {
            **_texts_by_name(properties, "HyperParameters"),
            "num_classes": str(len(classes)),
            "num_training_samples": str(pictures),
        },
        "InputDataConfig": [
            _channel("train", f"{dataset}/train/"),
            _channel("validation", f"{dataset}/validation/"),
            _channel("train_lst", f"{dataset}/train.lst"),
            _channel("validation_lst", f"{dataset}/validation.lst"),
        ],
        "OutputDataConfig": {"S3OutputPath": text(properties, "OutputPath")},
        "ResourceConfig": {
            "InstanceType": text(properties, "InstanceType"),
            "InstanceCount": _number(properties, "InstanceCount"),
            "VolumeSizeInGB": _number(properties, "VolumeSizeInGB"),
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


def _training_pictures(dataset: StagedDataset) -> int:
    manifest = dataset.manifest()
    try:
        counts = mapping(mapping(manifest, "counts"), "train")
        return sum(whole_number(counts, name) for name in counts)
    except InvalidEvent as error:
        raise dataset.fault("manifest.json", f"is damaged: {error}") from error


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
