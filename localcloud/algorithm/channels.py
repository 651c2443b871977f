"""The input folders of a training job: four channels, two of them with a `.lst` file.

Source: "Train with Image Format",
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from localcloud.algorithm.errors import ClientError
from training.paths import relative_path

CHANNELS = ("train", "validation", "train_lst", "validation_lst")
CONTENT_TYPES = ("application/x-image", "image/png", "image/jpeg")


class LabelledPicture(NamedTuple):
    """One line of a `.lst` file."""

    label: int
    path: Path


def read_json(path: Path) -> dict[str, object]:
    """Read one of SageMaker's configuration files.

    Raises:
        ClientError: the file is missing or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise ClientError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ClientError(f"{path} holds no JSON object")
    return content


def check_channels(channels: Mapping[str, object]) -> None:
    """Check `inputdataconfig.json`: the four channels of the image format, and nothing else.

    Raises:
        ClientError: a channel is missing or unknown, or its content type is not one of pictures.
    """
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
    """Read the one `.lst` file of channel `<channel>_lst`: index, label and path, tab-separated.

    Args:
        data: folder of the channels (`/opt/ml/input/data`).
        channel: `train` or `validation`; the paths are relative to its folder.
        classes: labels are 0 to classes - 1.

    Raises:
        ClientError: no or several lists, an empty one, a malformed line, a label out of range, a
            duplicate index, or a picture that does not exist or is outside the channel.
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
        raise ClientError(f"{lists[0].name} is no text in UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{lists[0].name} line {number}"
        index, picture = _parse_line(line, where=where, folder=data / channel, classes=classes)
        if index in pictures:
            raise ClientError(f"{where}: duplicate index {index}")
        pictures[index] = picture
    if not pictures:
        raise ClientError(f"{lists[0].name} names no picture")
    return list(pictures.values())


def _parse_line(
    line: str, *, where: str, folder: Path, classes: int
) -> tuple[str, LabelledPicture]:
    fields = line.split("\t")
    if len(fields) != 3:
        raise ClientError(f"{where}: expected index<TAB>label<TAB>path, found {line!r}")
    index, label_text, name = (field.strip() for field in fields)
    label = _parse_label(label_text, where=where)
    if not 0 <= label < classes:
        raise ClientError(
            f"{where}: label {label} is outside 0..{classes - 1} (num_classes = {classes})"
        )
    try:
        path = folder / relative_path(name)
        exists = path.is_file()
    except (OSError, ValueError) as error:  # the former of a name that is too long
        raise ClientError(f"{where}: no picture in channel {folder.name}: {error}") from error
    if not exists:
        raise ClientError(f"{where}: {name} does not exist in channel {folder.name}")
    return index, LabelledPicture(label=label, path=path)


def _parse_label(text: str, *, where: str) -> int:
    try:
        label = float(text)  # MXNet's own list maker, im2rec, writes labels as 1.000000
    except ValueError as error:
        raise ClientError(f"{where}: label {text!r} is not a number") from error
    if not label.is_integer():
        raise ClientError(f"{where}: label {text!r} is not a whole number")
    return int(label)
