"""The training job: instances, limits, hyperparameters, or a model that is there already."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lambda_src.shared.events import BUCKET
from settings.hyperparameters import KEY, PRESETS, Hyperparameters, reached_steps
from settings.instances import TrainingInstanceType
from settings.section import Section, Written

# CloudFormation waits one hour for a custom resource. The provider framework gives up before that,
# so that the stack shows our message; the rest of the hour is what its polls themselves take.
TRAINING_LIMIT_MINUTES = 55
# SageMaker needs a few minutes to find an instance before, and to upload the model after, the run.
TRAINING_START_AND_UPLOAD_MINUTES = 10

# Of what S3 takes in a key, nothing that means something to IAM, CloudFormation or SSM. The length
# is that of ModelDataUrl: https://docs.aws.amazon.com/sagemaker/latest/APIReference/
# API_ContainerDefinition.html
ModelDataUrl = Annotated[
    str,
    Field(max_length=1024),
    Written(
        rf"s3://{BUCKET}/[A-Za-z0-9/!_.()=@:,+ -]+\.tar\.gz",
        '"s3://bucket/key.tar.gz"; in the key letters, digits, spaces and / ! _ . ( ) = @ : , + -',
    ),
]


class Spot(Section):
    """Managed spot training: spare instances, cheaper, which AWS may take back at any time."""

    enabled: bool = False
    """Train on spot instances, with checkpoints in the artifact bucket."""
    max_wait_minutes: Annotated[
        int, Field(ge=1, le=TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES)
    ] = TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES
    """Waiting for instances and training together; at least `training.max_runtime_minutes`."""


class Training(Section):
    """The training job."""

    instance_type: TrainingInstanceType = "ml.g4dn.xlarge"
    """`ml.g4dn.*`, `ml.g5.*`; `ml.p2.*` and `ml.p3.*` with a warning."""
    instance_count: Annotated[int, Field(ge=1, le=20)] = 1
    """Instances of the training job."""
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 10
    """Disk of each instance."""
    max_runtime_minutes: Annotated[
        int, Field(ge=1, le=TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES)
    ] = 40
    """Longer training does not fit into the hour that CloudFormation gives a custom resource."""
    model_data_url: ModelDataUrl | None = None
    """S3 URI of a finished model.tar.gz of these classes, deployed instead of training one."""
    initial_model_data_url: ModelDataUrl | None = None
    """S3 URI of a model.tar.gz that training starts from (the `model` channel): one of the built-in
    algorithm, with the same classes, `num_layers` and `image_shape`, in the stack's region."""
    preset: Literal["pretrained", "small-from-scratch"] = "pretrained"
    """Hyperparameters to start from; those that are set below override it. docs/model.md has the
    accuracies measured on a replica of the network; AWS has not confirmed them."""
    spot: Spot = Spot()
    hyperparameters: Hyperparameters = Hyperparameters()

    @model_validator(mode="before")
    @classmethod
    def _hyperparameters_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values  # for pydantic to refuse, as what is left alone below
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
