"""A folder of pictures of one's own, and pictures that are prepared already."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from training.duplicates import fingerprint
from training.pictures import PreparedPicture, SourcePicture, Split

FINGERPRINT_BYTES = len(fingerprint(Image.new("RGB", (32, 32))))


def picture(
    path: str, *, pixels: str = "", split: Split | None = None, group: str = "", look: str = ""
) -> PreparedPicture:
    """Return a picture of the class that the path begins with, by default like no other."""
    sha256 = hashlib.sha256((pixels or path).encode()).hexdigest()
    return PreparedPicture(
        SourcePicture(path, path.split("/")[0], split, group),
        sha256=sha256,
        fingerprint=hashlib.shake_128((look or sha256).encode()).digest(FINGERPRINT_BYTES),
        content=b"",
        format="JPEG",
        mode="RGB",
        width=300,
        height=200,
    )


def class_of(name: str, number: int) -> list[PreparedPicture]:
    """Return some pictures of a class."""
    return [picture(f"{name}/{i}.jpg") for i in range(number)]


def write_pictures(folder: Path, classes: dict[str, int], *, seed: int = 1) -> Path:
    """Write JPEG and PNG files of several sizes, so many for each class; return the folder."""
    rng = np.random.default_rng(seed)
    for name, number in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(number):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
            picture = coarse.resize((64 + 16 * (i % 3), 48), Image.Resampling.BICUBIC)
            picture.save(folder / name / f"{i}.{'jpg' if i % 2 else 'png'}")
    return folder


def copy(folder: Path, picture: str, to: str) -> None:
    """Copy one of the files."""
    shutil.copy(folder / picture, folder / to)
