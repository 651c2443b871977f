"""A folder of pictures of one's own."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image


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
