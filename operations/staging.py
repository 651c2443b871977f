"""Stage the pictures that the model learns from.

From Python:

>>> from operations import staging
>>> from settings import load
>>> from training import source
>>> staging.run(load("dev"), source.real()).prefix  # doctest: +SKIP
'datasets/db8442eb73a57505ad05'
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lambda_src.drift_detector.baseline import MINIMUM
from operations.upload import data_bucket, point, upload
from settings import Settings
from training import dataset, source


@dataclass(frozen=True)
class StagedDataset:
    """A dataset that is in the data bucket, and that the next deployment takes."""

    digest: str
    bucket: str
    prefix: str
    """`datasets/<digest>`, the value of the SSM parameter."""
    counts: dict[str, dict[str, int]]
    """Pictures by split ("train", "validation") and class."""
    uploaded: int
    """Files that the bucket lacked."""
    pointer_moved: bool
    """Whether the SSM parameter named another dataset before."""


def run(
    settings: Settings,
    pictures: source.Source,
    *,
    folder: Path | None = None,
    console: Console,
) -> StagedDataset:
    """Select, check, show, upload and point at the pictures; what is done already is skipped.

    Also writes them below `folder`, where one is given.

    Raises:
        StagingError: the pictures are refused, or AWS refuses.
    """
    selected = prepare(settings, pictures, folder=folder, console=console)
    bucket = data_bucket(settings)
    staged = StagedDataset(
        digest=selected.digest,
        bucket=bucket,
        prefix=selected.prefix,
        counts=selected.counts,
        uploaded=upload(selected, bucket, console=console),
        pointer_moved=point(settings, selected),
    )
    _say_what_was_done(staged, settings, console)
    return staged


def prepare(
    settings: Settings,
    pictures: source.Source,
    *,
    folder: Path | None = None,
    console: Console,
) -> dataset.Dataset:
    """The part of `run` that needs no AWS: select, check, show and, where asked, write."""
    selected = dataset.build(pictures, settings.dataset.classes)
    _say(console, f"Source: {_origin(pictures)}")
    console.print(summary(selected))
    if lacking := baseline_shortage(selected.counts["validation"], settings):
        _say(console, f"Warning: {lacking}")
    if folder:
        _say(console, f"Written to {dataset.write(selected, folder)}")
    return selected


def baseline_shortage(validation: Mapping[str, int], settings: Settings) -> str | None:
    """Return which class lacks validation pictures for the drift detector's baseline, and a remedy.

    `validation` is the number of pictures by class. Without a drift detector any number is enough.
    """
    if not settings.detects_drift:
        return None
    shares = dict(zip(settings.dataset.classes, settings.traffic_shares, strict=True))
    scarce = min(shares, key=lambda name: validation[name] / shares[name])
    needed = math.ceil(MINIMUM * shares[scarce])
    if validation[scarce] >= needed:
        return None
    return (
        f"{validation[scarce]} validation pictures of {scarce!r}: the drift detector's baseline "
        f"needs at least {MINIMUM}, {needed} of them of this class; stage more of it, or "
        "set drift.enabled = false, or the monitoring stack will fail"
    )


def summary(selected: dataset.Dataset) -> Table:
    """Table of what was kept, by class, and refused, by reason."""
    table = Table("kept", *selected.splits)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in selected.classes:
        table.add_row(name, *(str(counts[name]) for counts in selected.counts.values()))
    table.add_section()
    refused = Counter((row.reason, row.split) for row in selected.refused)
    for reason in sorted({reason for reason, _ in refused}):
        numbers = (str(refused[reason, split]) for split in selected.splits)
        table.add_row(f"refused: {reason}", *numbers)
    if not refused:
        table.add_row("refused", *("0" for _ in selected.splits))
    return table


def _origin(pictures: source.Source) -> str:
    if pictures.name == "drawn":
        return "drawn (stand-ins, not photographs)"
    kind = "the published archive" if pictures.archive_published else "not the published archive"
    return f"{pictures.name} ({kind}, sha256 {pictures.archive_sha256})"


def _say_what_was_done(staged: StagedDataset, settings: Settings, console: Console) -> None:
    where = f"s3://{staged.bucket}/{staged.prefix}"
    parameter = settings.dataset_parameter
    if not staged.uploaded and not staged.pointer_moved:
        message = f"Nothing to do: {where} is complete, and {parameter} points at it."
    else:
        pointer = "now points" if staged.pointer_moved else "points"
        message = f"Uploaded {staged.uploaded} files to {where}; {parameter} {pointer} at it."
    _say(console, message)


def _say(console: Console, message: str) -> None:
    console.print(message, soft_wrap=True)
