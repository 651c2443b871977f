"""Stages the pictures that the model learns from: `python -m training.stage --environment dev`.

From Python:

>>> from settings import load
>>> from training import source, stage
>>> stage.run(load("dev"), source.real()).prefix  # doctest: +SKIP
'datasets/db8442eb73a57505ad05'
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import terminal
from account import announce
from settings import Settings, SettingsError, available_environments, load
from training import dataset, source, upload
from training.baseline import shortage
from training.deployed import aws_errors_in_words
from training.errors import ArchiveUnavailableError, StagingError
from training.fetch import ARCHIVE_URL, cache_folder

EXIT_REFUSED = 1
EXIT_NO_ARCHIVE = 3

_REMEDY = (
    "Name an archive at hand with --archive PATH (or $CIFAR_ARCHIVE), "
    "or stage drawn stand-ins with --drawn."
)


@dataclass(frozen=True)
class StagedDataset:
    """A dataset that is in the data bucket, and that the next deployment takes."""

    digest: str
    bucket: str
    prefix: str
    """`datasets/<digest>`, the value of the SSM parameter."""
    counts: dict[str, dict[str, int]]
    """Pictures by split ("train", "validation") and class."""
    manifest: dict[str, Any]
    uploaded: int
    """Files that the bucket lacked."""
    pointer_moved: bool
    """Whether the SSM parameter named another dataset before."""


def run(
    settings: Settings,
    pictures: source.Source,
    *,
    folder: Path | None = None,
    console: Console | None = None,
) -> StagedDataset:
    """Select, check, show, upload and point at the pictures; what is done already is skipped.

    Also writes them below `folder`, where one is given.

    Raises:
        StagingError: the pictures are refused, or AWS refuses.
    """
    console = console or terminal.console()
    selected = prepare(settings, pictures, folder=folder, console=console)
    bucket = upload.data_bucket(settings)
    staged = StagedDataset(
        digest=selected.digest,
        bucket=bucket,
        prefix=selected.prefix,
        counts=selected.counts,
        manifest=selected.manifest(),
        uploaded=upload.upload(selected, bucket, console=console),
        pointer_moved=upload.point(settings, selected),
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
    if lacking := shortage(selected.counts["validation"], settings):
        _say(console, f"Warning: {lacking}")
    if folder:
        _say(console, f"Written to {dataset.write(selected, folder)}")
    return selected


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; gives the exit code."""
    options = _parser().parse_args(arguments)
    errors = terminal.console(errors=True)
    try:
        _stage(options)
    except ArchiveUnavailableError as error:
        errors.print(f"{error}\n{_REMEDY}", style="red", soft_wrap=True)
        return EXIT_NO_ARCHIVE
    except (StagingError, SettingsError, OSError) as error:
        errors.print(str(error), style="red", soft_wrap=True)
        return EXIT_REFUSED
    return 0


def _stage(options: argparse.Namespace) -> None:
    console = terminal.console()
    settings = load(options.environment)
    if not options.no_upload:
        with aws_errors_in_words():
            announce()
        # Asked first, so that nobody waits for a download to learn that the stack is missing.
        upload.data_bucket(settings)
    if options.drawn:
        pictures = source.drawing(settings.dataset.classes)
    else:
        classes = settings.dataset.classes
        pictures = source.real(options.archive, classes=classes, console=console)
    if options.no_upload:
        prepare(settings, pictures, folder=options.folder, console=console)
    else:
        run(settings, pictures, folder=options.folder, console=console)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.stage",
        description="Select the classes of the settings from CIFAR-100, check every row, and "
        "upload PNG and .lst files to the data bucket. What is there already is skipped.",
        epilog=f"The archive is downloaded from {ARCHIVE_URL} (160 MB) once, and kept in "
        f"{cache_folder()}. Exit codes: 0 staged (or nothing to do), {EXIT_REFUSED} refused, "
        f"2 wrong usage, {EXIT_NO_ARCHIVE} no archive at hand and none could be downloaded.",
    )
    parser.add_argument(
        "--environment",
        default="dev",
        metavar="NAME",
        help=f"whose settings and bucket: {', '.join(available_environments())} (default: dev)",
    )
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument(
        "--archive",
        type=Path,
        metavar="PATH",
        help="an archive in CIFAR-100's layout, instead of the download "
        f"(default: ${source.ARCHIVE_VARIABLE}, if set)",
    )
    origin.add_argument(
        "--drawn", action="store_true", help="drawn stand-ins instead of CIFAR-100's photographs"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="PATH",
        help="also write the files to PATH/<digest>/, to look at them; e.g. out/dataset",
    )
    parser.add_argument(
        "--no-upload", action="store_true", help="stop before AWS: select, check and show only"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
