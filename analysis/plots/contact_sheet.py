"""Captured pictures side by side, with the model's answers."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from analysis.pictures import thumbnail
from analysis.plots.style import Plot, short
from analysis.records import Records
from analysis.sampling import CapturedPicture

COLUMNS, MOST_ROWS = 8, 3


@dataclass(frozen=True)
class Tile:
    """A captured picture with its caption."""

    png: bytes
    label: str
    """Predicted class."""
    confidence: float
    moment: str
    """When, in UTC."""
    mistaken: str | None
    """The true class if it is another one; None if it is the same or unknown."""


@dataclass(frozen=True)
class Sheet:
    """Captured pictures to look at."""

    title: str
    tiles: tuple[Tile, ...]
    broken: int
    """Pictures that could not be decoded."""

    @classmethod
    def of(cls, title: str, pictures: Sequence[CapturedPicture], records: Records) -> "Sheet":
        """Return a sheet of some of the records' pictures."""
        frame = records.frame
        true_classes: dict[str, int] = {}
        if "true_class" in frame:
            shown = frame[frame["event_id"].isin([each.event_id for each in pictures])]
            true_classes = shown.set_index("event_id")["true_class"].dropna().to_dict()
        tiles = []
        for each in pictures:
            true_class = true_classes.get(each.event_id, each.best_class)
            if png := thumbnail(each.content):
                tiles.append(
                    Tile(
                        png,
                        label=records.classes[each.best_class],
                        confidence=each.confidence,
                        moment=f"{each.time:%Y-%m-%d %H:%M:%S}",
                        mistaken=(
                            None if true_class == each.best_class else records.classes[true_class]
                        ),
                    )
                )
        return cls(title, tuple(tiles), len(pictures) - len(tiles))


def plot(sheet: Sheet) -> Plot:
    """Draw the first `COLUMNS * MOST_ROWS` tiles; at least one is needed."""
    shown = sheet.tiles[: COLUMNS * MOST_ROWS]

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
        columns=["predicted class", "confidence", "true class if different", "time (UTC)"],
    )
    parts = [f"{tile.label} {tile.confidence:.3f}" for tile in shown]
    return Plot(
        sheet.title.lower().replace(" ", "-"),
        sheet.title,
        "predicted class and confidence; the true class if it is known and different",
        f"{sheet.title}: {', '.join(parts)}.",
        table,
        draw,
    )
