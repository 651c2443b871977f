"""Assumptions about the built-in algorithm, checked on the stack's job and a copy of it."""

from typing import Any, get_args

from localcloud.demo.acceptance.check import Finding, check, confirmed_if
from localcloud.demo.acceptance.context import (
    JOB_SECONDS,
    Context,
    NotReachedError,
    once,
    outcome,
)
from localcloud.demo.workflow import training_job, validation_accuracy
from operations.aws import session
from operations.training import requested
from settings.training import Training

PRESETS: tuple[str, ...] = get_args(Training.model_fields["preset"].annotation)
POINTS = 0.02
"""Difference of two accuracies over the same pictures that decoding and rounding may explain."""


@check(expected="a job with the preset pretrained is Completed", section="Training", aws_only=True)
def pretrained_at_224(context: Context) -> Finding:
    """The algorithm starts from its ImageNet weights at 224 pixels with 18 layers,
    without access to the network.
    """
    return _trained(context, "pretrained", num_layers="18", image_shape="3,224,224")


@check(
    expected="a job with the preset small-from-scratch is Completed",
    section="Training",
    aws_only=True,
)
def eighteen_layers_at_32(context: Context) -> Finding:
    """The algorithm accepts 18 layers at 32 pixels: 32 counts as a large picture."""
    return _trained(context, "small-from-scratch", num_layers="18", image_shape="3,32,32")


@check(expected=f"a difference of at most {POINTS:g}", section="Training", aws_only=True)
def accuracy_at_the_endpoint(context: Context) -> Finding:
    """The endpoint is as accurate on the validation pictures as the training job reports."""
    reported = validation_accuracy(stacks_job(context))
    measured = outcome(context).accuracy
    if reported is None or measured is None:
        return confirmed_if(False, f"the job reports {reported}, the endpoint's is {measured}")
    seen = f"training log {reported:.4f}, endpoint {measured:.4f}"
    return confirmed_if(abs(reported - measured) <= POINTS, seen)


def _trained(context: Context, preset: str, **hyperparameters: str) -> Finding:
    job = job_of(context, preset)
    used = job["HyperParameters"]
    if any(used.get(name) != value for name, value in hyperparameters.items()):
        raise NotReachedError(f"the settings have others: {_description(job)}")
    return confirmed_if(job["TrainingJobStatus"] == "Completed", _description(job))


def _description(job: dict[str, Any]) -> str:
    """Return how the job ended, and the hyperparameters that matter here."""
    names = ("num_layers", "image_shape", "use_pretrained_model", "epochs")
    used = job["HyperParameters"]
    accuracy = validation_accuracy(job)
    parts = [
        job["TrainingJobStatus"],
        job.get("FailureReason", ""),
        ", ".join(f"{name} {used[name]}" for name in names if name in used),
        "" if accuracy is None else f"validation:accuracy {accuracy:.4f}",
        f"{job['BillableTimeInSeconds']} s billed" if "BillableTimeInSeconds" in job else "",
    ]
    return "; ".join(part for part in parts if part)


@once
def stacks_job(context: Context) -> dict[str, Any]:
    """Return the training job of the stack, even if it failed and the deployment with it."""
    if not context.not_deployed:
        return training_job(context.application)
    prefix = f"{context.application.settings.resource_prefix}-"
    client = session().client("sagemaker")
    pages = client.get_paginator("list_training_jobs").paginate(
        NameContains=prefix,
        CreationTimeAfter=context.began,
        SortBy="CreationTime",
        SortOrder="Ascending",
    )
    for name in pages.search("TrainingJobSummaries[].TrainingJobName"):
        if name and name.startswith(prefix):
            return dict(client.describe_training_job(TrainingJobName=name))
    raise NotReachedError(f"no training job: {context.not_deployed.splitlines()[0]}")


@once
def start_other_job(context: Context) -> str:
    """Start a copy of the stack's job with the preset that it does not have; return its name."""
    job, settings = stacks_job(context), context.application.settings
    (preset,) = (each for each in PRESETS if each != settings.training.preset)
    wanted = Training.model_validate({"preset": preset}).hyperparameters
    name = f"{job['TrainingJobName']}-{preset}"[:63].rstrip("-")
    # DescribeTrainingJob returns an unset key as empty text, which CreateTrainingJob refuses.
    output: Any = {name: value for name, value in job["OutputDataConfig"].items() if value}
    algorithm = job["AlgorithmSpecification"]
    session().client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=job["RoleArn"],
        AlgorithmSpecification={
            "TrainingImage": algorithm["TrainingImage"],
            "TrainingInputMode": algorithm["TrainingInputMode"],
        },
        InputDataConfig=job["InputDataConfig"],
        OutputDataConfig=output,
        HyperParameters=requested(wanted, job["HyperParameters"]),
        ResourceConfig=job["ResourceConfig"],
        StoppingCondition=job["StoppingCondition"],
        EnableNetworkIsolation=True,
        Tags=[{"Key": key, "Value": value} for key, value in settings.tags_by_key.items()],
    )
    return name


@once
def job_of(context: Context, preset: str) -> dict[str, Any]:
    """Return the ended training job with a preset: that of the stack, or the other one."""
    if preset == context.application.settings.training.preset:
        return stacks_job(context)
    name, client = start_other_job(context), session().client("sagemaker")

    def ended() -> dict[str, Any] | None:
        job = dict(client.describe_training_job(TrainingJobName=name))
        return None if job["TrainingJobStatus"] in ("InProgress", "Stopping") else job

    found = context.wait_for("the other training job", ended, aws=JOB_SECONDS, local=60)
    if found is None:
        raise NotReachedError(f"training job {name} did not end in time")
    return found
