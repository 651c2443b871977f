"""The training job of the stack, and a copy of it with the hyperparameters of another preset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from operations.aws import session
from operations.training import FROM_DATA
from settings import Settings
from settings.loader import validate
from settings.training import Training

PRESETS: tuple[str, ...] = get_args(Training.model_fields["preset"].annotation)


def latest(settings: Settings, *, since: datetime) -> dict[str, Any] | None:
    """Return the environment's first training job since then; None if there is none.

    It is found by its name, so that a job is found, too, whose failure ended the deployment.
    """
    client = session().client("sagemaker")
    prefix = f"{settings.resource_prefix}-"
    pages = client.get_paginator("list_training_jobs").paginate(
        NameContains=prefix,
        CreationTimeAfter=since,
        SortBy="CreationTime",
        SortOrder="Ascending",
    )
    for name in pages.search("TrainingJobSummaries[].TrainingJobName"):
        if name and name.startswith(prefix):
            return dict(client.describe_training_job(TrainingJobName=name))
    return None


def start_copy(job: Mapping[str, Any], settings: Settings, preset: str) -> str:
    """Start a job like `job` with the hyperparameters of `preset`; return its name."""
    values = {"dataset": {"classes": settings.dataset.classes}, "training": {"preset": preset}}
    wanted = validate(values, environment=settings.environment, source=f"preset {preset}")
    name = f"{job['TrainingJobName']}-{preset}"[:63].rstrip("-")
    algorithm = job["AlgorithmSpecification"]
    # DescribeTrainingJob returns an unset key as empty text, which CreateTrainingJob refuses.
    output: Any = {name: value for name, value in job["OutputDataConfig"].items() if value}
    session().client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=job["RoleArn"],
        AlgorithmSpecification={
            "TrainingImage": algorithm["TrainingImage"],
            "TrainingInputMode": algorithm["TrainingInputMode"],
        },
        InputDataConfig=job["InputDataConfig"],
        OutputDataConfig=output,
        HyperParameters={
            **wanted.training.hyperparameters.as_request(),
            **{each: job["HyperParameters"][each] for each in FROM_DATA},
        },
        ResourceConfig=job["ResourceConfig"],
        StoppingCondition=job["StoppingCondition"],
        EnableNetworkIsolation=True,
        Tags=[{"Key": key, "Value": value} for key, value in settings.tags_by_key.items()],
    )
    return name


def accuracy_of(job: Mapping[str, Any]) -> float | None:
    """Return the validation accuracy that the job reports."""
    for metric in job.get("FinalMetricDataList", ()):
        if metric["MetricName"] == "validation:accuracy":
            return float(metric["Value"])
    return None


def in_words(job: Mapping[str, Any]) -> str:
    """Return how the job ended, and what it trained with."""
    given = job["HyperParameters"]
    chosen = ", ".join(
        f"{name} {given[name]}"
        for name in ("num_layers", "image_shape", "use_pretrained_model", "epochs")
        if name in given
    )
    accuracy = accuracy_of(job)
    parts = [
        job["TrainingJobStatus"],
        job.get("FailureReason", ""),
        chosen,
        "" if accuracy is None else f"validation:accuracy {accuracy:.4f}",
        f"{job['BillableTimeInSeconds']} s billed" if "BillableTimeInSeconds" in job else "",
    ]
    return "; ".join(part for part in parts if part)
