"""Command line of bulk classification: `python -m classify s3://BUCKET/FOLDER`."""

import argparse
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import terminal
from account import announce
from classify.run import (
    POLL_SECONDS,
    ClassificationError,
    Run,
    Summary,
    follow,
    resume,
    start,
    stop_command,
)
from settings import Settings, SettingsError, available_environments, load
from training.deployed import aws_errors_in_words
from training.errors import StagingError

EXIT_FAILED, EXIT_NOT_ALL_ACCEPTED, EXIT_INTERRUPTED = 1, 3, 130


def main(arguments: Sequence[str] | None = None, *, poll_seconds: float = POLL_SECONDS) -> int:
    """Start or resume a run, show its progress and its end; return the exit code."""
    options = _parser().parse_args(arguments)
    console = terminal.console()
    try:
        settings = load(options.environment)
        with aws_errors_in_words():
            announce()
        run = _started(settings, options)
        console.print(f"Run {run.name}, results in {run.results}", soft_wrap=True)
        if run.joined:
            console.print(f"It was started before; following {run.execution_arn}", soft_wrap=True)
        summary = _followed(run, console, poll_seconds)
    except (ClassificationError, SettingsError, StagingError) as error:
        terminal.console(errors=True).print(str(error), style="red", soft_wrap=True)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    console.print(table(summary))
    console.print(f"One line for each picture: {summary.location}", soft_wrap=True)
    all_accepted = summary.counts["accepted"] == summary.counts["images"]
    return 0 if all_accepted else EXIT_NOT_ALL_ACCEPTED


def table(summary: Summary) -> Table:
    """How many pictures ended how, and how fast."""
    shown = Table("pictures", "number", box=box.SIMPLE_HEAD)
    for name, number in summary.counts.items():
        shown.add_row("all" if name == "images" else name, f"{number:,}")
    speed = summary.counts["images"] / max(summary.seconds, 0.001)
    shown.add_row("seconds", f"{summary.seconds:,.1f}")
    shown.add_row("a second", f"{speed:,.1f}")
    shown.columns[1].justify = "right"
    return shown


def _started(settings: Settings, options: argparse.Namespace) -> Run:
    if options.resume is not None:
        return resume(settings, options.resume)
    kind = "prefix" if options.manifest is None else "manifest"
    return start(settings, {kind: getattr(options, kind)})


def _followed(run: Run, console: Console, poll_seconds: float) -> Summary:
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
                run,
                lambda done, total: progress.update(task, completed=done, total=total),
                poll_seconds=poll_seconds,
            )
    except KeyboardInterrupt:
        console.print(
            f"The run goes on without this command. Stop it: {stop_command(run.execution_arn)}\n"
            f"Finish it, once it has stopped: {run.resume_command}",
            soft_wrap=True,
        )
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m classify",
        description="Classify thousands of pictures of the data bucket; each gets one line of "
        "results.",
        epilog=f"Exit codes: 0 all pictures accepted, {EXIT_FAILED} the run failed, 2 wrong usage, "
        f"{EXIT_NOT_ALL_ACCEPTED} the run came to its end, but not all pictures were accepted, "
        f"{EXIT_INTERRUPTED} interrupted.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("prefix", nargs="?", metavar="s3://BUCKET/FOLDER", help="all below it")
    source.add_argument(
        "--manifest",
        metavar="s3://BUCKET/KEY",
        help=".csv with a column key, or .jsonl with a member key: keys of the data bucket",
    )
    source.add_argument(
        "--resume",
        metavar="RUN",
        help="finish a run that failed or was stopped, or follow one that runs: its name",
    )
    parser.add_argument(
        "--environment",
        default="dev",
        metavar="NAME",
        help=f"whose endpoint: {', '.join(available_environments())} (default: dev)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
