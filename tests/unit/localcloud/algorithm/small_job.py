"""Small generated pictures (stripes of one direction a class) and a training job on them."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from localcloud.algorithm.features import Pixels

PER_CLASS = 12


def stripes(label: int, seed: int) -> Pixels:
    """A noisy picture, shape (32, 32, 3); the label turns the stripes."""
    random = np.random.default_rng([label, seed])
    row, column = np.mgrid[:32, :32]
    along = (row, column, row + column)[label]
    wave = np.sin(along * 0.8 + random.uniform(0, 6))
    grey = 128 + 60 * wave + random.normal(0, 25, wave.shape)
    return np.repeat(grey[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


def encode(pixels: Pixels, image_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format)
    return buffer.getvalue()


@dataclass
class Job:
    """An `/opt/ml` folder that tests may spoil before they run it."""

    root: Path
    hyperparameters: dict[str, str] = field(
        default_factory=lambda: {
            "num_classes": "2",
            "num_training_samples": str(2 * PER_CLASS),
            "image_shape": "3,32,32",
            "num_layers": "18",
        }
    )
    channels: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            name: {"ContentType": "application/x-image"}
            for name in ("train", "validation", "train_lst", "validation_lst")
        }
    )

    @property
    def data(self) -> Path:
        return self.root / "input" / "data"

    @property
    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()

    def write_pictures(self, channel: str, *, per_class: int, seed: int) -> None:
        lines: list[str] = []
        for label in (0, 1):
            for number in range(per_class):
                path = self.data / channel / f"class{label}" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(stripes(label, seed + number)))
                relative_path = path.relative_to(self.data / channel)
                lines.append(f"{len(lines)}\t{label}\t{relative_path}")
        self.write_list(channel, "\n".join(lines) + "\n")

    def write_list(self, channel: str, text: str) -> None:
        folder = self.data / f"{channel}_lst"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "any-name.lst").write_text(text)

    def write_configuration(self) -> None:
        folder = self.root / "input" / "config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))
        (folder / "inputdataconfig.json").write_text(json.dumps(self.channels))
