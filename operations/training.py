"""Train for longer than a stack may wait.

The job copies image, role, channels, volume and output from the one that the stack trained last,
and takes hyperparameters, instances and tags from the settings, deployed or not. It runs on demand,
not on spot instances, whose checkpoints belong to the stack's job.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console

from lambda_src.shared import class_names
from operations.aws import AwsError, announce, errors_in_words, session, stack_output
from settings import Settings
from settings.hyperparameters import Hyperparameters
from settings.instances import has_local_storage

TRAINING_STACK = "Training"
JOB_OUTPUT = "TrainingJobName"
POLL_SECONDS = 5
# Hyperparameters that follow from the data, which is the stack's.
FROM_DATA = ("num_classes", "num_training_samples")


class Trained(NamedTuple):
    """A model."""

    model_data_url: str
    classes: tuple[str, ...]


def run(settings: Settings, *, max_runtime_minutes: int, console: Console) -> Trained:
    """Train, following status and log; return the model, or raise AwsError."""
    # Optional, and 2 s to import.
    from sagemaker.core.resources import TrainingJob

    if settings.training.model_data_url:
        raise AwsError(
            f"training.model_data_url = {settings.training.model_data_url!r}: with it the stack "
            "has no training job to copy; remove it and deploy first"
        )
    announce()
    deployed = stack_output(settings, TRAINING_STACK, JOB_OUTPUT)
    name = f"{settings.resource_prefix}-outside-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with errors_in_words():
        classes = _classes(settings)
        stacks_job = TrainingJob.get(training_job_name=deployed, session=session())
        job = _start(TrainingJob, name, stacks_job, settings, max_runtime_minutes)
        console.print(
            f"{name}: started as a copy of {deployed}; it goes on without this command.",
            soft_wrap=True,
        )
        _follow(job)
    for metric in job.final_metric_data_list or ():
        console.print(f"{metric.metric_name}: {metric.value:.4f}", soft_wrap=True)
    return Trained(job.model_artifacts.s3_model_artifacts, classes)


def requested(wanted: Hyperparameters, stacks: Mapping[str, str]) -> dict[str, str]:
    """Return the hyperparameters of a job on the data of the stack's job, which has `stacks`."""
    size = min(wanted.mini_batch_size, int(stacks["num_training_samples"]))
    from_data = {key: stacks[key] for key in FROM_DATA}
    return {**wanted.as_request(), **from_data, "mini_batch_size": str(size)}


def _classes(settings: Settings) -> tuple[str, ...]:
    """Return the classes of the stack's job; raise AwsError if the settings list others."""
    parameter = settings.model_classes_parameter
    trained = session().client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    wanted = settings.dataset.classes_as_text
    if settings.dataset.classes and trained != wanted:
        raise AwsError(
            f"the stack's training job has the classes {trained} ({parameter}), the settings have "
            f"{wanted}; stage and deploy these first"
        )
    return class_names.decode(trained)


def _start(
    jobs: Any, name: str, stacks_job: Any, settings: Settings, max_runtime_minutes: int
) -> Any:
    from sagemaker.core.resources import Tag
    from sagemaker.core.shapes import AlgorithmSpecification, ResourceConfig, StoppingCondition

    return jobs.create(
        session=session(),
        training_job_name=name,
        role_arn=stacks_job.role_arn,
        # Not the whole shape: its description has metric definitions, which no request may have.
        algorithm_specification=AlgorithmSpecification(
            training_image=stacks_job.algorithm_specification.training_image,
            training_input_mode=stacks_job.algorithm_specification.training_input_mode,
        ),
        input_data_config=stacks_job.input_data_config,
        output_data_config=stacks_job.output_data_config,
        hyper_parameters=requested(settings.training.hyperparameters, stacks_job.hyper_parameters),
        resource_config=ResourceConfig(
            instance_type=settings.training.instance_type,
            instance_count=settings.training.instance_count,
            volume_size_in_gb=stacks_job.resource_config.volume_size_in_gb,
            volume_kms_key_id=_volume_key(stacks_job, settings),
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=max_runtime_minutes * 60),
        enable_network_isolation=True,
        tags=[Tag(key=key, value=value) for key, value in settings.tags_by_key.items()],
    )


def _volume_key(stacks_job: Any, settings: Settings) -> str | None:
    # The output's key, because the volumes of the stack's job may be of a type that takes none.
    # Of what is not set, the SDK returns an object that is no str.
    key = stacks_job.output_data_config.kms_key_id
    if isinstance(key, str) and not has_local_storage(settings.training.instance_type):
        return key
    return None


def _follow(job: Any) -> None:
    from sagemaker.core.utils.exceptions import FailedStatusError

    name = job.training_job_name
    try:
        job.wait(poll=POLL_SECONDS, logs=True)
    except FailedStatusError as error:
        raise AwsError(f"training job {name} is Failed: {job.failure_reason}") from error
    if job.training_job_status != "Completed":
        raise AwsError(f"training job {name} is Stopped: {job.secondary_status}")
