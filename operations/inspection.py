"""Look at pictures before they are staged: what they are, what is odd, a contact sheet."""

import base64
import csv
import html
import io
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from lambda_src.shared.spreadsheets import quote_formulas
from operations import staging_tables
from training.paths import writable_path
from training.pictures import PreparedPicture, Refusal
from training.selection import Selection

SHEET, NOT_STAGED = "index.html", "not-staged.csv"
SHOWN_OF_CLASS = 24
PAIRS_SHOWN = 50
REFUSALS_SHOWN = 200
KINDS_SHOWN = 12
THUMBNAIL = 144
"""Pixels."""

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
ul { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0 }
figure { margin: 0; width: 144px } img { width: 144px; height: 144px }
figcaption { font-size: 12px; overflow-wrap: anywhere }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left;
vertical-align: top; overflow-wrap: anywhere }
"""


def show(selection: Selection, console: Console) -> None:
    """Print formats, sizes and what was done to the pictures, and near duplicates by name."""
    if pictures := selection.prepared.usable:
        console.print(_kinds(pictures))
    for each in selection.near_duplicates[:PAIRS_SHOWN]:
        names = f"{each.train.source.path} looks like {each.validation.source.path}"
        console.print(f"Near duplicate: {names}", soft_wrap=True)
    if (more := len(selection.near_duplicates) - PAIRS_SHOWN) > 0:
        console.print(f"and {more:,} more near duplicates")


def write(selection: Selection, folder: Path) -> Path:
    """Write a contact sheet and a list of what is not staged; return the sheet's path."""
    folder.mkdir(parents=True, exist_ok=True)
    writable_path(folder, NOT_STAGED).write_bytes(_not_staged(selection))
    sheet = writable_path(folder, SHEET)
    sheet.write_text("".join(_page(selection)), encoding="utf-8", errors="backslashreplace")
    return sheet


def _kinds(pictures: Sequence[PreparedPicture]) -> Table:
    """Return a table of formats, colour modes, sizes and notes."""
    table = Table("pictures that can be read", "number")
    table.columns[1].justify = "right"
    formats = Counter(f"{each.format} {each.mode}" for each in pictures)
    notes = Counter(note for each in pictures for note in each.notes)
    for counter in (formats, notes):
        for name, number in counter.most_common(KINDS_SHOWN):
            table.add_row(name, f"{number:,}")
        table.add_section()
    sides = sorted(min(each.width, each.height) for each in pictures)
    shares = sorted(
        max(each.width, each.height) / min(each.width, each.height) for each in pictures
    )
    for name, text in (
        ("shorter side", f"{sides[0]:,} to {sides[-1]:,}, median {statistics.median(sides):,.0f}"),
        ("longer side / shorter side", f"{shares[0]:.3g} to {shares[-1]:.3g}"),
    ):
        table.add_row(name, text)
    return table


def _not_staged(selection: Selection) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["picture", "", "reason"])
    for kind, refusals in (("refused", selection.refused), ("left out", selection.left_out)):
        for each in refusals:
            writer.writerow([quote_formulas(each.path), kind, quote_formulas(each.reason)])
    return text.getvalue().encode("utf-8-sig", errors="backslashreplace")


def _page(selection: Selection) -> Iterator[str]:
    title = html.escape(f"Pictures of {staging_tables.origin(selection.prepared.source)}")
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>As the model will see them: squares of {selection.prepared.side} pixels. At most "
        f"{SHOWN_OF_CLASS} of each class.</p>\n"
    )
    for name in selection.prepared.classes:
        counts = ", ".join(f"{each[name]:,} {split}" for split, each in selection.counts.items())
        yield f"<h2>{html.escape(name)}</h2>\n<p>{counts}</p>\n"
        yield from _sheet(
            (each, f"{split}: {each.source.path}")
            for split, pictures in selection.splits.items()
            for each in _some(pictures, name)
        )
    if selection.near_duplicates:
        yield f"<h2>Near duplicates</h2>\n<p>{len(selection.near_duplicates):,} pairs</p>\n"
        yield from _sheet(
            (each, f"{split}: {each.source.path} ({each.source.label})")
            for pair in selection.near_duplicates[:PAIRS_SHOWN]
            for split, each in (("train", pair.train), ("validation", pair.validation))
        )
    refusals = [*selection.refused, *selection.left_out]
    yield f"<h2>Not staged</h2>\n<p>{len(refusals):,} pictures, all of them in {NOT_STAGED}</p>\n"
    yield from _table(refusals[:REFUSALS_SHOWN])
    yield "</body></html>\n"


def _some(pictures: Iterable[PreparedPicture], name: str) -> list[PreparedPicture]:
    """Return some pictures of a class; they are in the order of their hashes, that is, mixed."""
    return [each for each in pictures if each.source.label == name][: SHOWN_OF_CLASS // 2]


def _sheet(pictures: Iterable[tuple[PreparedPicture, str]]) -> Iterator[str]:
    yield "<ul>\n"
    for picture, caption in pictures:
        caption = html.escape(caption)
        yield (
            f'<li><figure><img src="{_thumbnail(picture)}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure></li>\n"
        )
    yield "</ul>\n"


def _thumbnail(picture: PreparedPicture) -> str:
    content = picture.content
    with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
        # Enlarged pixels stay visible; many pixels are averaged.
        small = image.width <= THUMBNAIL
        sampling = Image.Resampling.NEAREST if small else Image.Resampling.BOX
        buffer = io.BytesIO()
        image.resize((THUMBNAIL, THUMBNAIL), sampling).save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _table(refusals: Iterable[Refusal]) -> Iterator[str]:
    yield "<table><tr><th>picture</th><th>reason</th></tr>\n"
    for each in refusals:
        yield f"<tr><td>{html.escape(each.path)}</td><td>{html.escape(each.reason)}</td></tr>\n"
    yield "</table>\n"
