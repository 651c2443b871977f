"""The input of a training job: hyperparameters, channels and their `.lst` files.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html and "Train with
Image Format", https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
)

from training.paths import relative_path

CHANNELS = ("train", "validation", "train_lst", "validation_lst")
CONTENT_TYPES = ("application/x-image", "image/png", "image/jpeg")

Fraction = Annotated[float, Field(ge=0, le=1)]
Flag = Annotated[Literal[0, 1], BeforeValidator(int)]
Depth = Annotated[
    Literal[18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110],
    BeforeValidator(int),
]


class ClientError(Exception):
    """The caller's mistake, under the name that SageMaker's built-in algorithms report."""


class Hyperparameters(BaseModel):
    """Documented hyperparameters.

    Only `num_classes` and `num_training_samples` have an effect. The others configure a neural
    network that does not exist here: they are checked and ignored.
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
    # The local algorithm learns one label a picture.
    multi_label: Annotated[Literal[0], BeforeValidator(int)] = 0
    num_layers: Depth = 152
    optimizer: Literal["sgd", "adam", "rmsprop", "nag"] = "sgd"
    precision_dtype: Literal["float32", "float16"] = "float32"
    resize: PositiveInt | None = None
    top_k: Annotated[int, Field(gt=1)] | None = None
    use_pretrained_model: Flag = 0
    use_weighted_loss: Flag = 0
    weight_decay: Fraction = 0.0001


def parse_hyperparameters(values: Mapping[str, object]) -> Hyperparameters:
    """Read `hyperparameters.json`, all strings; raise one ClientError that names every fault."""
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
    return f"{where[0]} = {value!r}: {why}"


class LabelledPicture(NamedTuple):
    """One line of a `.lst` file."""

    label: int
    path: Path


def read_json(path: Path) -> dict[str, object]:
    """Read one of SageMaker's configuration files, a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise ClientError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ClientError(f"{path} is not a JSON object")
    return content


def check_channels(channels: Mapping[str, object]) -> None:
    """Check `inputdataconfig.json`: the four channels of the image format, and no others."""
    if missing := [name for name in CHANNELS if name not in channels]:
        raise ClientError(
            f"channels {', '.join(missing)} are missing; the image format needs"
            f" {', '.join(CHANNELS)}"
        )
    if unknown := sorted(set(channels) - set(CHANNELS)):
        raise ClientError(
            f"channels {', '.join(unknown)} are not supported by the local algorithm; it reads"
            f" {', '.join(CHANNELS)}"
        )
    for name in CHANNELS:
        channel = channels[name]
        content_type = channel.get("ContentType") if isinstance(channel, dict) else None
        if content_type not in CONTENT_TYPES:
            raise ClientError(
                f"channel {name}: content type {content_type!r} is not supported;"
                f" use one of {', '.join(CONTENT_TYPES)}"
            )


def read_list(data: Path, channel: str, *, classes: int) -> list[LabelledPicture]:
    """Read the `.lst` file of channel `<channel>_lst`: index, label and path, tab-separated.

    Paths are relative to the folder of `channel` in `data`; labels are 0 to classes - 1.

    Raises:
        ClientError: there are no or several lists, an empty one, a malformed line, a label out of
            range, a duplicate index, or a picture that does not exist or is outside the channel.
    """
    lists = sorted((data / f"{channel}_lst").rglob("*.lst"))
    if len(lists) != 1:
        raise ClientError(
            f"channel {channel}_lst must hold exactly one .lst file, has {len(lists)}"
        )
    pictures: dict[str, LabelledPicture] = {}
    try:
        lines = lists[0].read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ClientError(f"{lists[0].name} is not text in UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            index, picture = _parse_line(line, folder=data / channel, classes=classes)
            if index in pictures:
                raise ValueError(f"duplicate index {index}")
        except ValueError as error:
            raise ClientError(f"{lists[0].name} line {number}: {error}") from error
        pictures[index] = picture
    if not pictures:
        raise ClientError(f"{lists[0].name} names no picture")
    return list(pictures.values())


def _parse_line(line: str, *, folder: Path, classes: int) -> tuple[str, LabelledPicture]:
    fields = line.split("\t")
    if len(fields) != 3:
        raise ValueError(f"expected index<TAB>label<TAB>path, found {line!r}")
    index, label_text, name = (field.strip() for field in fields)
    label = _parse_label(label_text)
    if not 0 <= label < classes:
        raise ValueError(f"label {label} is outside 0..{classes - 1} (num_classes = {classes})")
    try:
        path = folder / relative_path(name)
        exists = path.is_file()
    except (OSError, ValueError) as error:  # OSError for a name that is too long
        raise ValueError(f"no picture in channel {folder.name}: {error}") from error
    if not exists:
        raise ValueError(f"{name} does not exist in channel {folder.name}")
    return index, LabelledPicture(label=label, path=path)


def _parse_label(text: str) -> int:
    try:
        label = float(text)  # MXNet's list maker, im2rec, writes labels as 1.000000
    except ValueError as error:
        raise ValueError(f"label {text!r} is not a number") from error
    if not label.is_integer():
        raise ValueError(f"label {text!r} is not a whole number")
    return int(label)
