"""Hyperparameters of the built-in algorithm: their ranges and valid combinations.

Names and ranges: https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
A hyperparameter that would have no effect beside the others is refused: the algorithm ignores it
silently.

`num_classes` and `num_training_samples` follow from the staged data. `multi_label` and
`use_weighted_loss`, which has an effect only with it, cannot be set: a picture has one class here.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from settings.section import Section, Written

KEY = "training.hyperparameters"

# The documentation distinguishes "28x28" from "224x224" only. The limit is that of the network:
# https://github.com/apache/mxnet, example/image-classification/symbols/resnet.py.
SMALL_HEIGHT = 28
SMALL_DEPTHS = (20, 32, 44, 56, 110)
LARGE_DEPTHS = (18, 34, 50, 101, 152, 200)
PRETRAINED_SIDE = 224
# The network trains on crops of the resized picture and classifies all of it. Beyond this factor, a
# crop shows less than half of the height or the width.
RESIZE_LIMIT = 2

# momentum and weight_decay are documented as ignored by others, the rest as "for" these optimizers.
OPTIMIZERS = {
    "momentum": ("sgd", "nag"),
    "weight_decay": ("sgd", "nag"),
    "beta_1": ("adam",),
    "beta_2": ("adam",),
    "eps": ("adam", "rmsprop"),
    "gamma": ("rmsprop",),
}
EARLY_STOPPING_MIN_EPOCHS = 10  # the algorithm's default

# The differences from the defaults below, which are those of "pretrained". docs/model.md has the
# measurements behind both.
PRESETS: dict[str, dict[str, Any]] = {
    "pretrained": {},
    "small-from-scratch": {
        "epochs": 60,
        "learning_rate": 0.01,
        "image_shape": "3,32,32",
        "resize": 40,
        "use_pretrained_model": False,
        "lr_scheduler_step": "40,50",
    },
}

# AWS documents no upper bound. No job makes this many passes over the pictures of two classes in
# the 28 days that it may take:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
# As pixels or pictures it is more than the other settings allow.
MOST = 100_000
Count = Annotated[int, Field(ge=1, le=MOST)]
Fraction = Annotated[float, Field(ge=0, le=1)]
ImageShape = Annotated[
    str, Written(r"3(, ?[1-9][0-9]{0,3}){2}", '"3,height,width", such as "3,32,32"')
]
Epochs = Annotated[
    str,
    Written(
        r"([1-9][0-9]{0,5}(, ?[1-9][0-9]{0,5})*)?",
        'epochs with commas, each of up to six digits, such as "10,20", or "" for never',
    ),
]


class Hyperparameters(Section):
    """Hyperparameters that do not follow from the data; None is the algorithm's default."""

    num_layers: Literal[18, 20, 32, 34, 44, 50, 56, 101, 110, 152, 200] = 18
    """Depth of the ResNet. `image_shape` up to 28 high: 20, 32, 44, 56, 110; higher: 18, 34, 50,
    101, 152, 200. That 32 is "higher" is inferred from the network's public source."""
    epochs: Count = 15
    """Passes over the training pictures."""
    mini_batch_size: Count = 32
    """Pictures in each step on each instance; lowered to the number of training pictures if that is
    smaller."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.005
    """Initial learning rate."""
    optimizer: Literal["sgd", "adam", "rmsprop", "nag"] = "sgd"
    """How the weights are updated."""
    augmentation_type: Literal["none", "crop", "crop_color", "crop_color_transform"] = "crop_color"
    """Random changes of the training pictures; all but "none" mirror half of them."""
    image_shape: ImageShape = f"3,{PRETRAINED_SIDE},{PRETRAINED_SIDE}"
    """Channels, height and width of the network's input, such as "3,32,32"."""
    resize: Count | None = 256
    """Length in pixels to which the shorter side of a picture is resized before it is cropped to
    `image_shape`; required if the staged pictures are smaller than that, and at most twice its
    shorter side."""
    use_pretrained_model: bool = True
    """Start from weights learned on ImageNet; requires `image_shape = "3,224,224"` and a `resize`
    above 224."""
    precision_dtype: Literal["float32", "float16"] | None = None
    """Precision of the weights; the algorithm's default is float32."""
    lr_scheduler_step: Epochs = "10,13"
    """Epochs after which the learning rate is reduced, ascending and below `epochs`; "": never.
    Steps of a preset that `epochs` does not reach are dropped."""
    lr_scheduler_factor: Fraction | None = None
    """Factor of each reduction in `lr_scheduler_step`; the algorithm's default is 0.1."""
    momentum: Fraction | None = None
    """For sgd and nag; the algorithm's default is 0.9."""
    weight_decay: Fraction | None = None
    """For sgd and nag; the algorithm's default is 0.0001."""
    beta_1: Fraction | None = None
    """For adam; the algorithm's default is 0.9."""
    beta_2: Fraction | None = None
    """For adam; the algorithm's default is 0.999."""
    eps: Fraction | None = None
    """For adam and rmsprop; the algorithm's default is 1e-8."""
    gamma: Fraction | None = None
    """For rmsprop; the algorithm's default is 0.9."""
    early_stopping: bool = False
    """Stop when the validation accuracy no longer improves."""
    early_stopping_min_epochs: Count | None = None
    """Epochs before early stopping may stop; the algorithm's default is 10."""
    early_stopping_patience: Count | None = None
    """Epochs without improvement before it stops; the algorithm's default is 5."""
    early_stopping_tolerance: Fraction | None = None
    """Relative improvement that does not count as one; the algorithm's default is 0."""
    checkpoint_frequency: Count | None = None
    """Epochs between saved models, up to `epochs`; each makes model.tar.gz larger. None: only the
    best epoch is saved."""
    top_k: Annotated[int, Field(ge=2, le=100)] | None = None
    """Also report the top-k accuracy; below the number of classes."""
    kv_store: Literal["dist_sync", "dist_async"] | None = None
    """How several instances update the weights; requires `training.instance_count` above 1."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        height, width = (int(side) for side in self.image_shape.split(",")[1:])
        return height, width

    def as_request(self) -> dict[str, str]:
        """Return the strings that CreateTrainingJob takes, without the algorithm's defaults.

        Those of switches, lists and choices are off, empty and "none".
        """
        written = {"use_pretrained_model": "1", "early_stopping": "True"}
        return {
            name: written.get(name, str(value))
            for name, value in self.model_dump(exclude_none=True).items()
            if value is not False and value not in ("", "none")
        }

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        refusals = [
            f"{KEY}.{name} = {getattr(self, name)!r}: {reason}"
            for name, reason in (*self._network(), *self._optimization(), *self._epochs())
        ]
        if refusals:
            raise ValueError("\n  ".join(refusals))
        return self

    def _network(self) -> Iterator[tuple[str, str]]:
        height, width = self.input_size
        depths = SMALL_DEPTHS if height <= SMALL_HEIGHT else LARGE_DEPTHS
        if self.num_layers not in depths:
            yield (
                "num_layers",
                f"allowed with image_shape = {self.image_shape!r}: {', '.join(map(str, depths))}",
            )
        if self.use_pretrained_model and (height, width) != (PRETRAINED_SIDE, PRETRAINED_SIDE):
            yield (
                "image_shape",
                "allowed with use_pretrained_model = true: "
                f'"3,{PRETRAINED_SIDE},{PRETRAINED_SIDE}"; set it, or set '
                'training.preset = "pretrained"',
            )
        if self.use_pretrained_model and (self.resize or 0) <= PRETRAINED_SIDE:
            yield (
                "resize",
                f"allowed with use_pretrained_model = true: above {PRETRAINED_SIDE}, such as 256",
            )
        elif self.resize is not None and max(height, width) > self.resize:
            yield (
                "resize",
                f"allowed with image_shape = {self.image_shape!r}: {max(height, width)} or more",
            )
        elif (self.resize or 0) > RESIZE_LIMIT * min(height, width):
            yield (
                "resize",
                f"allowed with image_shape = {self.image_shape!r}: up to "
                f"{RESIZE_LIMIT * min(height, width)}, so that crops of that shape show most of a "
                'picture; training.preset = "small-from-scratch" has 40',
            )

    def _optimization(self) -> Iterator[tuple[str, str]]:
        for name, optimizers in OPTIMIZERS.items():
            if getattr(self, name) is not None and self.optimizer not in optimizers:
                yield (
                    name,
                    f"it has no effect with optimizer = {self.optimizer!r}; remove it, or choose "
                    f"the optimizer {' or '.join(optimizers)}",
                )
        if self.lr_scheduler_factor is not None and not self.lr_scheduler_step:
            yield (
                "lr_scheduler_factor",
                "it has no effect without lr_scheduler_step; remove it, or set lr_scheduler_step",
            )

    def _epochs(self) -> Iterator[tuple[str, str]]:
        steps = [int(step) for step in self.lr_scheduler_step.split(",") if step]
        if steps != sorted(set(steps)) or any(step >= self.epochs for step in steps):
            yield (
                "lr_scheduler_step",
                f'allowed: ascending, each below epochs = {self.epochs}, or "" for never',
            )
        if (self.checkpoint_frequency or 0) > self.epochs:
            yield "checkpoint_frequency", f"allowed: up to epochs = {self.epochs}"
        if not self.early_stopping:
            for name in type(self).model_fields:
                if name.startswith("early_stopping_") and getattr(self, name) is not None:
                    yield (
                        name,
                        "it has no effect without early_stopping = true; set that, or remove it",
                    )
        elif (self.early_stopping_min_epochs or EARLY_STOPPING_MIN_EPOCHS) >= self.epochs:
            yield (
                "early_stopping_min_epochs",
                f"allowed with epochs = {self.epochs}: below that (the algorithm's default is "
                f"{EARLY_STOPPING_MIN_EPOCHS}), or training never stops early",
            )


def reached_steps(preset: Hyperparameters, epochs: object) -> dict[str, str]:
    """Return the preset's `lr_scheduler_step` for fewer epochs than the preset has."""
    if not isinstance(epochs, int):
        return {}
    steps = [step for step in preset.lr_scheduler_step.split(",") if int(step) < epochs]
    return {"lr_scheduler_step": ",".join(steps)}
