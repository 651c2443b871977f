"""`scones stage`: check and upload the pictures that the model learns from."""

from pathlib import Path
from typing import Annotated

import typer

from scones import errors, terminal
from scones.options import Archive, Environment
from settings import load

EXIT_NO_ARCHIVE = 3

_REMEDY = (
    "Name an archive that you have with --archive PATH or $CIFAR_ARCHIVE, "
    "or stage drawn stand-ins with --drawn."
)


def stage(
    environment: Environment = "dev",
    archive: Archive = None,
    drawn: Annotated[
        bool, typer.Option("--drawn", help="Stage drawn stand-ins instead of photographs.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Also write the files to PATH/DIGEST/, to look at."),
    ] = None,
    no_upload: Annotated[
        bool, typer.Option("--no-upload", help="Only select, check and show; needs no AWS.")
    ] = False,
) -> None:
    """Select the classes of the settings from CIFAR-100, check every row and upload the pictures.

    Pictures that the data bucket has already are skipped. The archive (160 MB) is downloaded once.

    Exit codes: 0 staged, or nothing to do; 1 failed; 2 wrong usage; 3 no archive could be found or
    downloaded.
    """
    from operations import staging
    from operations.aws import announce
    from training import source
    from training.errors import ArchiveUnavailableError

    if archive and drawn:
        raise typer.BadParameter("--archive and --drawn exclude each other")
    console = terminal.console()
    with errors.shown():
        settings = load(environment)
        if not no_upload:
            announce()
            # Report a missing stack before a long download.
            staging.data_bucket(settings)
        classes = settings.dataset.classes
        try:
            pictures = (
                source.drawing(classes)
                if drawn
                else source.real(archive, classes=classes, console=console)
            )
        except ArchiveUnavailableError as error:
            errors.fail(f"{error}\n{_REMEDY}", EXIT_NO_ARCHIVE)
        if no_upload:
            staging.prepare(settings, pictures, folder=folder, console=console)
        else:
            staging.run(settings, pictures, folder=folder, console=console)
