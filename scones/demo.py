"""`scones demo`: deploy, use, report on and destroy the whole workflow."""

from pathlib import Path
from typing import Annotated

import typer

from scones import errors, terminal
from scones.options import Archive, NoIam, at_most_one, environment_names

AWS = "In an account"


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything up and print how to look around.")
    ] = False,
    pictures: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Use pictures of your own: a folder with one sub-folder for each class, or a list "
            "(docs/pictures.md).",
            show_default=False,
        ),
    ] = None,
    archive: Archive = None,
    drawn: Annotated[
        bool, typer.Option("--drawn", help="Use drawn pictures even if an archive is available.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Loopback port of the local cloud; default: 4566 with --keep, else a free one.",
            show_default=False,
        ),
    ] = None,
    no_iam: NoIam = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of summary.json, the report and logs; default: out/demo, with --aws "
            "out/acceptance.",
            show_default=False,
        ),
    ] = None,
    aws: Annotated[
        bool,
        typer.Option(
            "--aws",
            help="Deploy to the account that this shell is logged in to, check there what we "
            "assume about AWS, and destroy everything; states the cost and asks first.",
            rich_help_panel=AWS,
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", rich_help_panel=AWS)] = False,
    environment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Environment whose settings to use; none of its stacks may exist; default: "
            "acceptance.",
            autocompletion=environment_names,
            rich_help_panel=AWS,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Deploy to a local cloud, classify the validation pictures, report, destroy everything.

    Exit codes: 0 done; 1 failed; 2 wrong usage, or with --aws refused before anything was created;
    3 something was left after destroy, or with --aws an assumption was refuted or could not be
    checked; 4 another demo writes to the folder; 128 + N ended by signal N (130 after Ctrl-C).
    """
    at_most_one({"--pictures": pictures, "--archive": archive, "--drawn": drawn})
    if aws and pictures:
        raise typer.BadParameter("--pictures belongs to the local cloud, not to --aws")
    if aws and (keep or port):
        raise typer.BadParameter("--keep and --port belong to the local cloud, not to --aws")
    if not aws and (yes or environment):
        raise typer.BadParameter("--yes and --environment need --aws")
    console = terminal.console()
    with errors.shown(packages="local"):
        from localcloud.demo import command, signals
        from localcloud.demo.acceptance import command as acceptance

        try:
            with (
                signals.raised(console) as interrupts,
                command.reserved(out or (acceptance.OUT if aws else command.OUT)) as folder,
            ):
                if aws:
                    code = acceptance.main(
                        folder,
                        console,
                        environment=environment,
                        archive=archive,
                        drawn=drawn,
                        yes=yes,
                        interrupts=interrupts,
                    )
                else:
                    code = command.main(
                        folder,
                        console,
                        keep=keep,
                        pictures=pictures,
                        archive=archive,
                        drawn=drawn,
                        port=port,
                        iam=not no_iam,
                    )
        except command.DemoError as error:
            errors.fail(str(error), error.code)
    raise typer.Exit(code)
