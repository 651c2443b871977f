"""Captured pictures, side by side, with what the model said of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from analysis.plots.style import Picture, short

COLUMNS, MOST_ROWS = 8, 3


@dataclass(frozen=True)
class Tile:
    """A picture with its caption."""

    png: bytes
    label: str
    """Predicted class."""
    confidence: float
    moment: str
    """When, in UTC."""
    mistaken: str | None
    """The true class where it is another one; None where it is the same or not known."""


def picture(name: str, title: str, tiles: Sequence[Tile], *, subtitle: str) -> Picture:
    """Draw the first `COLUMNS * MOST_ROWS` tiles; at least one is needed."""
    shown = tiles[: COLUMNS * MOST_ROWS]

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        for number, tile in enumerate(shown):
            row, column = divmod(number, COLUMNS)
            height = 0.86 / MOST_ROWS
            bottom = 0.86 - (row + 1) * height
            axes = figure.add_axes((0.02 + column * 0.121, bottom + 0.075, 0.112, height - 0.085))
            with Image.open(io.BytesIO(tile.png)) as image:
                axes.imshow(np.asarray(image), interpolation="nearest")
            axes.set_axis_off()
            text = f"{short(tile.label)} {tile.confidence:.3f}"
            if tile.mistaken:
                text += f"\nis {short(tile.mistaken)}"
            axes.text(
                0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=13
            )

    table = pd.DataFrame(
        [
            [tile.label, f"{tile.confidence:.3f}", tile.mistaken or "", tile.moment]
            for tile in shown
        ],
        columns=["predicted class", "confidence", "mistaken: it is", "time (UTC)"],
    )
    parts = [f"{tile.label} {tile.confidence:.3f}" for tile in shown]
    return Picture(name, title, subtitle, f"{title}: {', '.join(parts)}.", table, draw)
