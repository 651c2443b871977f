"""`scones stage`: check and upload the pictures that the model learns from."""

from pathlib import Path
from typing import Annotated

import typer

from scones import errors, terminal
from scones.options import Archive, Environment, at_most_one
from settings import load

EXIT_NO_ARCHIVE = 3
INSPECTION = Path("out/inspect")

_REMEDY = (
    "Name an archive that you have with --archive PATH or $CIFAR_ARCHIVE, "
    "or stage drawn stand-ins with --drawn."
)


def stage(
    environment: Environment = "dev",
    pictures: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URI",
            help="Folder with one sub-folder for each class, or list of pictures (CSV, Ground "
            "Truth manifest), here or in S3, instead of what the settings name.",
            show_default=False,
        ),
    ] = None,
    archive: Archive = None,
    drawn: Annotated[
        bool, typer.Option("--drawn", help="Stage drawn stand-ins instead of photographs.")
    ] = False,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH|URI",
            help="Add labelled pictures to the staged dataset, such as out/sample/labels.csv of "
            "`scones sample`; may be repeated.",
            show_default=False,
        ),
    ] = None,
    drop_added: Annotated[
        bool,
        typer.Option(
            "--drop-added", help="Go back from a dataset with added pictures to the source alone."
        ),
    ] = False,
    inspect: Annotated[
        bool,
        typer.Option(
            "--inspect",
            help="Upload nothing; show what would be staged, what not and why, and write a "
            f"contact sheet to --folder (default: {INSPECTION}).",
        ),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Also write the files to PATH/DIGEST/, to look at."),
    ] = None,
    no_upload: Annotated[
        bool,
        typer.Option(
            "--no-upload",
            help="Only select, check and show; needs AWS only for pictures in S3 and with --add.",
        ),
    ] = False,
) -> None:
    """Check the pictures that the settings name, make them uniform and upload them.

    Pictures that the data bucket has already are skipped. CIFAR-100's archive (160 MB) is
    downloaded once.

    Exit codes: 0 staged, nothing to do, or inspected; 1 failed, or --inspect shows that staging
    would fail; 2 wrong usage; 3 no archive could be found or downloaded.
    """
    from operations import additions, datasets, staging
    from operations.aws import announce
    from settings.s3_uris import is_s3
    from training.errors import ArchiveUnavailableError

    at_most_one({"--add": add, "--pictures": pictures, "--archive": archive, "--drawn": drawn})
    at_most_one({"--add": add, "--drop-added": drop_added})
    console = terminal.console()
    with errors.shown():
        settings = load(environment)
        listed = settings.dataset.classes
        if pictures:
            settings = staging.with_pictures(settings, pictures, any_classes=inspect)
        elif archive or drawn:
            settings = staging.with_source(settings, "drawn" if drawn else "cifar-100")
        uploads = not (inspect or no_upload)
        if add:
            announce()
            additions.run(settings, add, upload=uploads, folder=folder, console=console)
            return
        if uploads or is_s3(settings.dataset.pictures):
            announce()
        if uploads:
            # Report a missing stack before a long download.
            datasets.data_bucket(settings)
        try:
            source = staging.source_of(settings, archive=archive, console=console)
        except ArchiveUnavailableError as error:
            errors.fail(f"{error}\n{_REMEDY}", EXIT_NO_ARCHIVE)
        if inspect:
            faults = staging.inspect(settings, source, folder=folder or INSPECTION, console=console)
            if listed != settings.dataset.classes:
                console.print(
                    f"Staging takes the classes that environment {environment} lists: "
                    f"{', '.join(listed)}. For others, change or remove dataset.classes.",
                    soft_wrap=True,
                )
            if faults:
                errors.fail("\n".join(("Staging would fail:", *faults)))
        elif no_upload:
            staging.prepare(settings, source, folder=folder, console=console)
        else:
            staging.run(settings, source, folder=folder, drop_added=drop_added, console=console)
