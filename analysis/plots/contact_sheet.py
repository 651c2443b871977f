"""Captured pictures side by side, with the model's answers."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from analysis.pictures import thumbnail
from analysis.plots.style import Plot, short
from analysis.records import Records
from analysis.sampling import CapturedPicture

COLUMNS, MOST_ROWS = 8, 3


@dataclass(frozen=True)
class Tile:
    """A captured picture with its caption."""

    content: bytes
    """A thumbnail."""
    label: str
    confidence: float
    moment: str
    mistaken: str | None
    """The true class if it is another one; None if it is the same or unknown."""


@dataclass(frozen=True)
class Sheet:
    """Captured pictures to look at."""

    title: str
    tiles: tuple[Tile, ...]

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
            best, true = each.best_class, true_classes.get(each.event_id, each.best_class)
            mistaken = None if true == best else records.classes[true]
            moment = f"{each.time:%Y-%m-%d %H:%M:%S}"
            if small := thumbnail(each.content):
                tiles.append(Tile(small, records.classes[best], each.confidence, moment, mistaken))
        return cls(title, tuple(tiles))


def plot(sheet: Sheet) -> Plot:
    """Draw the first `COLUMNS * MOST_ROWS` tiles; at least one is needed."""
    shown = sheet.tiles[: COLUMNS * MOST_ROWS]

    def draw(figure: Figure) -> None:
        grid = figure.subplots(MOST_ROWS, COLUMNS).ravel()
        layout = figure.get_layout_engine()
        if isinstance(layout, ConstrainedLayoutEngine):
            layout.set(w_pad=0.15)  # inches, for captions that are wider than their picture
        for axes in grid:
            # Squares of one size, whatever the shape of the picture and the length of its caption.
            axes.set(box_aspect=1, anchor="N")
            axes.set_axis_off()
        for axes, tile in zip(grid, shown, strict=False):
            with Image.open(io.BytesIO(tile.content)) as image:
                right, top = (side / max(image.size) / 2 for side in image.size)
                axes.imshow(np.asarray(image), extent=(-right, right, -top, top), aspect="auto")
            axes.set(xlim=(-0.5, 0.5), ylim=(-0.5, 0.5))
            text = f"{short(tile.label)}\n{tile.confidence:.3f}"
            if tile.mistaken:
                text += f"\nis {short(tile.mistaken)}"
            caption = axes.text(0, -0.54, text, ha="center", va="top", fontsize=12)
            caption.set_in_layout(False)

    columns = ["predicted class", "confidence", "true class if different", "time (UTC)"]
    rows = [
        [tile.label, f"{tile.confidence:.3f}", tile.mistaken or "", tile.moment] for tile in shown
    ]
    parts = [f"{label} {confidence}" for label, confidence, *_ in rows]
    return Plot(
        sheet.title.lower().replace(" ", "-"),
        sheet.title,
        "predicted class and confidence; the true class if it is known and different",
        f"{sheet.title}: {', '.join(parts)}.",
        pd.DataFrame(rows, columns=columns),
        draw,
    )
