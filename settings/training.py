"""The training job: instances, limits, hyperparameters, or a finished model instead."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lambda_src.shared.events import BUCKET
from settings.hyperparameters import KEY, PRESETS, Hyperparameters, reached_steps
from settings.instances import TrainingInstanceType
from settings.section import Section, Written

# CloudFormation waits an hour for a custom resource. The provider framework gives up earlier, so
# that the stack shows our message; its polls take the rest of the hour.
TRAINING_LIMIT_MINUTES = 55
# SageMaker takes a few minutes to find an instance before the run and to upload the model after.
TRAINING_START_AND_UPLOAD_MINUTES = 10
LONGEST_RUN_MINUTES = TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES
VOLUME_SIZE_GB = 10
"""For the model and what the algorithm writes; room for the pictures is added at deployment."""

# Of the characters that S3 takes in a key, those that mean nothing to IAM, CloudFormation and SSM.
# The length: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
ModelDataUrl = Annotated[
    str,
    Field(max_length=1024),
    Written(
        rf"s3://{BUCKET}/[A-Za-z0-9/!_.()=@:,+ -]+\.tar\.gz",
        '"s3://bucket/key.tar.gz"; in the key letters, digits, spaces and / ! _ . ( ) = @ : , + -',
    ),
]


class Spot(Section):
    """Managed spot training on spare instances: cheaper, but AWS may interrupt it at any time."""

    enabled: bool = False
    """Train on spot instances, with checkpoints in the artifact bucket."""
    max_wait_minutes: Annotated[int, Field(ge=1, le=LONGEST_RUN_MINUTES)] = LONGEST_RUN_MINUTES
    """Limit of waiting for instances and training; at least `training.max_runtime_minutes`."""


class Training(Section):
    """The training job."""

    instance_type: TrainingInstanceType = "ml.g4dn.xlarge"
    """`ml.g4dn.*`, `ml.g5.*`; `ml.p2.*` and `ml.p3.*` with a warning."""
    instance_count: Annotated[int, Field(ge=1, le=20)] = 1
    """Instances of the training job."""
    max_runtime_minutes: Annotated[int, Field(ge=1, le=LONGEST_RUN_MINUTES)] = 40
    """The training job is stopped after this time. CloudFormation waits an hour for a custom
    resource; to train for longer, see docs/deploy.md."""
    model_data_url: ModelDataUrl | None = None
    """S3 URI of a finished model.tar.gz for these classes, deployed instead of training one."""
    initial_model_data_url: ModelDataUrl | None = None
    """S3 URI of a model.tar.gz that training starts from (the `model` channel). It comes from the
    built-in algorithm, has the same classes, `num_layers` and `image_shape`, and is in the stack's
    region."""
    class_weights: Literal["none", "balanced"] = "none"
    """"balanced": pictures of rare classes are repeated in the training list, up to 10 times, until
    each class has as many as the largest. The algorithm's own weights of classes are for
    multi-label training only."""
    preset: Literal["pretrained", "small-from-scratch"] = "pretrained"
    """Hyperparameters to start from; `[training.hyperparameters]` overrides them. docs/model.md has
    accuracies measured on a replica of the network, not on AWS."""
    spot: Spot = Spot()
    hyperparameters: Hyperparameters = Hyperparameters()

    @model_validator(mode="before")
    @classmethod
    def _hyperparameters_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values  # pydantic refuses it, and what is returned unchanged below
        preset = values.get("preset", cls.model_fields["preset"].default)
        given = values.get("hyperparameters", {})
        if not isinstance(preset, str) or preset not in PRESETS or not isinstance(given, dict):
            return values
        reached = reached_steps(Hyperparameters(**PRESETS[preset]), given.get("epochs"))
        return {**values, "hyperparameters": {**PRESETS[preset], **reached, **given}}

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.model_data_url and self.initial_model_data_url:
            raise ValueError(
                f"training.initial_model_data_url = {self.initial_model_data_url!r}: nothing is "
                "trained with training.model_data_url; remove one of the two"
            )
        if self.model_data_url and self.class_weights != "none":
            raise ValueError(
                f"training.class_weights = {self.class_weights!r}: nothing is trained with "
                "training.model_data_url; remove one of the two"
            )
        if self.spot.enabled and self.spot.max_wait_minutes < self.max_runtime_minutes:
            raise ValueError(
                f"training.spot.max_wait_minutes = {self.spot.max_wait_minutes}: allowed: "
                f"training.max_runtime_minutes = {self.max_runtime_minutes} or more"
            )
        if self.hyperparameters.kv_store and self.instance_count == 1:
            raise ValueError(
                f"{KEY}.kv_store = {self.hyperparameters.kv_store!r}: it has no effect with "
                "training.instance_count = 1; remove it, or use more instances"
            )
        return self
