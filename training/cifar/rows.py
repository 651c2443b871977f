"""Check CIFAR-100's rows, and encode those of some classes as pictures."""

import hashlib
import re
from collections.abc import Container, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import pictures
from training.cifar.cifar100 import SIDE, Cifar100, Split
from training.duplicates import fingerprint
from training.pictures import PreparedPicture, Refusal, SourcePicture
from training.preparation.uniform import png_file

# Safe as a file name, in an S3 key and in a line of a .lst file; CIFAR-100's own names fit.
_SAFE_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,'()+&-]{0,199}\.png")


def prepare(cifar: Cifar100, classes: Sequence[str]) -> list[PreparedPicture | Refusal]:
    """Return the pictures of `classes`, and refused rows.

    Training pictures come from the train split, validation pictures from the test split. A
    picture's path is its file name, which is unique in its split.
    """
    labels = {cifar.class_names.index(name): name for name in classes}
    pixels: set[bytes] = set()
    train = list(_check("train", cifar.train, cifar, labels, pixels))
    return train + list(_check("validation", cifar.test, cifar, labels, set(), elsewhere=pixels))


def _check(
    split: pictures.Split,
    rows: Split,
    cifar: Cifar100,
    labels: dict[int, str],
    pixels: set[bytes],
    *,
    elsewhere: Container[bytes] = (),
) -> Iterator[PreparedPicture | Refusal]:
    """Yield the pictures of a split; add the hashes of their `pixels`.

    `elsewhere` are those of another split.
    """
    file_names: set[str] = set()
    array = rows.pictures
    for row, (label, file_name) in enumerate(zip(rows.labels, rows.file_names, strict=True)):
        is_known = 0 <= label < len(cifar.class_names)
        if is_known and label not in labels:
            continue
        digest = hashlib.sha256(rows.rows[row].tobytes()).digest()
        checks = {
            "label is not in meta": is_known,
            "file name is not safe": _SAFE_FILE_NAME.fullmatch(file_name) is not None,
            "duplicate file name": file_name not in file_names,
            "duplicate picture": digest not in pixels,
            "picture is also in train": digest not in elsewhere,
        }
        reason = next((reason for reason, passed in checks.items() if not passed), None)
        if reason:
            yield Refusal(f"{split} row {rows.numbers[row]}: {file_name}", reason)
            continue
        file_names.add(file_name)
        pixels.add(digest)
        yield _prepared(SourcePicture(file_name, labels[label], split), array[row])


def _prepared(source: SourcePicture, pixels: NDArray[np.uint8]) -> PreparedPicture:
    image = Image.fromarray(pixels)
    png = png_file(image)
    return PreparedPicture(
        source,
        sha256=hashlib.sha256(png).hexdigest(),
        fingerprint=fingerprint(image),
        content=png,
        format="CIFAR-100",
        mode="RGB",
        width=SIDE,
        height=SIDE,
    )
