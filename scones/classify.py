"""`scones classify`: run thousands of pictures through the bulk state machine."""

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from operations.aws import announce
from operations.bulk import Run, Summary, follow, resume, start
from scones import errors, terminal
from scones.options import Environment
from settings import load

EXIT_NOT_ALL_ACCEPTED = 3


def classify(
    prefix: Annotated[
        str | None,
        typer.Argument(
            metavar="s3://BUCKET/FOLDER", help="Classify everything below it.", show_default=False
        ),
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option(
            metavar="s3://BUCKET/KEY",
            help="Classify the keys of the data bucket that it lists: a .csv with a column key, "
            "or a .jsonl with a member key.",
        ),
    ] = None,
    resume_run: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Finish the run if it failed or was stopped; follow it if it is running.",
        ),
    ] = None,
    environment: Environment = "dev",
) -> None:
    """Classify thousands of pictures of the data bucket; each gets one line of results.

    Exit codes: 0 all accepted; 1 failed; 2 wrong usage; 3 the run ended, but not every picture was
    accepted; 130 interrupted (the run goes on).
    """
    if sum(each is not None for each in (prefix, manifest, resume_run)) != 1:
        raise typer.BadParameter("name one of s3://BUCKET/FOLDER, --manifest or --resume")
    console = terminal.console()
    with errors.shown():
        settings = load(environment)
        announce()
        if resume_run is not None:
            run = resume(settings, resume_run)
        elif manifest is not None:
            run = start(settings, {"manifest": manifest})
        else:
            run = start(settings, {"prefix": prefix or ""})
        console.print(f"Run {run.name}, results in {run.results}", soft_wrap=True)
        if run.joined:
            console.print(f"It is running already; following {run.execution_arn}", soft_wrap=True)
        summary = _followed(run, console)
        console.print(_table(summary))
        console.print(f"One line for each picture: {summary.location}", soft_wrap=True)
    if summary.counts["accepted"] != summary.counts["images"]:
        raise typer.Exit(EXIT_NOT_ALL_ACCEPTED)


def _table(summary: Summary) -> Table:
    shown = Table("pictures", "number", box=box.SIMPLE_HEAD)
    for name, number in summary.counts.items():
        shown.add_row("all" if name == "images" else name, f"{number:,}")
    speed = summary.counts["images"] / max(summary.seconds, 0.001)
    shown.add_row("seconds", f"{summary.seconds:,.1f}")
    shown.add_row("a second", f"{speed:,.1f}")
    shown.columns[1].justify = "right"
    return shown


def _followed(run: Run, console: Console) -> Summary:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("pictures", total=None)
            return follow(
                run, lambda done, total: progress.update(task, completed=done, total=total)
            )
    except KeyboardInterrupt:
        console.print(
            f"The run goes on without this command. To stop it: {run.stop_command}\n"
            f"To finish it later: {run.resume_command}",
            soft_wrap=True,
        )
        raise
