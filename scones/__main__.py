"""The command line: `scones VERB`, or `python -m scones VERB`."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import typer

from scones.classify import classify
from scones.demo import demo
from scones.local import local
from scones.preflight import preflight
from scones.report import report
from scones.sample import sample
from scones.settings import settings
from scones.stage import stage
from scones.sweep import sweep
from scones.train import train

app = typer.Typer(
    help="Classify pictures with SageMaker: stage, train, classify, report, tear down. "
    "`cdk deploy` and `cdk destroy` do the rest.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (stage, preflight, train, classify, report, sample, sweep, settings, demo):
    app.command()(verb)
app.add_typer(local, name="local")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb with the arguments, by default the process's; return the exit code."""
    try:
        app(arguments, prog_name="scones")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def entry_point() -> None:
    """Run a verb with the process's arguments and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale may lack the characters of a table
    # Work on a few pictures is too little for several threads, which wait for each other busily.
    # Numpy reads this when it is imported, and only verbs import it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = main()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # without waiting for threads, which may still try to reach a cloud that is gone


if __name__ == "__main__":
    entry_point()
