"""Hyperparameters of the built-in image-classification algorithm: names, ranges, defaults.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from localcloud.algorithm.errors import ClientError

IMAGENET_DEPTHS = (18, 34, 50, 101, 152, 200)

Fraction = Annotated[float, Field(ge=0, le=1)]
Flag = Annotated[Literal[0, 1], BeforeValidator(int)]
Depth = Annotated[
    Literal[18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110],
    BeforeValidator(int),
]


class Hyperparameters(BaseModel):
    """Documented hyperparameters.

    `num_classes` and `num_training_samples` have an effect here. All others steer a neural network
    that does not exist here: they are validated and otherwise ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Documented as any positive integer, but one class leaves nothing to learn.
    num_classes: Annotated[int, Field(ge=2)]
    num_training_samples: PositiveInt
    image_shape: Annotated[str, Field(pattern=r"^\s*3\s*(,\s*[1-9]\d{0,3}\s*){2}$")] = "3,224,224"

    augmentation_type: Literal["crop", "crop_color", "crop_color_transform"] | None = None
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    checkpoint_frequency: PositiveInt | None = None
    early_stopping: Literal["True", "False"] = "False"
    early_stopping_min_epochs: PositiveInt = 10
    early_stopping_patience: PositiveInt = 5
    early_stopping_tolerance: Fraction = 0.0
    epochs: PositiveInt = 30
    eps: Fraction = 1e-8
    gamma: Fraction = 0.9
    kv_store: Literal["dist_sync", "dist_async"] | None = None
    learning_rate: Fraction = 0.1
    lr_scheduler_factor: Fraction = 0.1
    lr_scheduler_step: Annotated[str, Field(pattern=r"^\s*\d+\s*(,\s*\d+\s*)*$")] | None = None
    mini_batch_size: PositiveInt = 32
    momentum: Fraction = 0.9
    multi_label: Flag = 0
    num_layers: Depth = 152
    optimizer: Literal["sgd", "adam", "rmsprop", "nag"] = "sgd"
    precision_dtype: Literal["float32", "float16"] = "float32"
    resize: PositiveInt | None = None
    top_k: Annotated[int, Field(gt=1)] | None = None
    use_pretrained_model: Flag = 0
    use_weighted_loss: Flag = 0
    weight_decay: Fraction = 0.0001

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width in pixels, from `image_shape`."""
        _, height, width = (int(number) for number in self.image_shape.split(","))
        return height, width

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.multi_label:
            raise ValueError("multi_label = 1: the local algorithm learns one label a picture")
        if self.checkpoint_frequency and self.checkpoint_frequency > self.epochs:
            raise ValueError(
                f"checkpoint_frequency = {self.checkpoint_frequency} is above"
                f" epochs = {self.epochs}"
            )
        if self.use_pretrained_model:
            if self.num_layers not in IMAGENET_DEPTHS:
                raise ValueError(
                    f"num_layers = {self.num_layers}: use_pretrained_model = 1 needs one of"
                    f" {', '.join(map(str, IMAGENET_DEPTHS))}"
                )
            if self.picture_size != (224, 224):
                raise ValueError(
                    f"image_shape = {self.image_shape!r}: use_pretrained_model = 1 needs 3,224,224"
                )
        return self


def parse(values: Mapping[str, object]) -> Hyperparameters:
    """Read what SageMaker writes to `hyperparameters.json`: every value is a string.

    Raises:
        ClientError: a name is unknown or missing, or a value is out of range; all of them are
            named in one line.
    """
    try:
        return Hyperparameters.model_validate(values)
    except ValidationError as error:
        findings = (
            _finding(kind=found["type"], where=found["loc"], value=found["input"], why=found["msg"])
            for found in error.errors(include_url=False)
        )
        raise ClientError(f"Hyperparameters: {'; '.join(findings)}") from error


def _finding(*, kind: str, where: tuple[int | str, ...], value: object, why: str) -> str:
    if kind == "missing":
        return f"{where[0]} is required"
    if kind == "extra_forbidden":
        return f"{where[0]} is unknown; known: {', '.join(sorted(Hyperparameters.model_fields))}"
    why = why.removeprefix("Value error, ")
    return f"{where[0]} = {value!r}: {why}" if where else why
