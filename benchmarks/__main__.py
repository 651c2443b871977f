"""`python -m benchmarks`: measure everything in one run and print one table.

Parts run one after the other, on a local cloud that only they use. Within a part, the application
and the comparator take turns.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from benchmarks import captures, costs, folder, growth, report, staging, workflow
from benchmarks.cloud import ENVIRONMENT, Cloud, deployed, started
from benchmarks.results_table import Section, table
from settings import load
from training import source
from training.errors import StagingError
from training.source import ARCHIVE_VARIABLE, CifarSource


@dataclass
class Bench:
    """Share pictures and cloud among the parts; the first part that needs the cloud starts it."""

    options: argparse.Namespace
    stack: ExitStack
    console: Console

    @property
    def classes(self) -> Sequence[str]:
        """Return the classes of the settings."""
        return load(ENVIRONMENT).dataset.classes

    @cached_property
    def pictures(self) -> CifarSource:
        """Return real pictures, or drawn ones on request; raise `StagingError` without any."""
        return source.drawing(self.classes) if self.options.drawn else source.real()

    @cached_property
    def cloud(self) -> Cloud:
        """Deploy the application."""
        return self.stack.enter_context(deployed(self.pictures, self.console))


def _staging(bench: Bench) -> Section:
    _ = bench.cloud  # the S3 that boto3 finds
    return staging.run(bench.pictures, bench.classes, repeats=bench.options.repeats)


def _folder(bench: Bench) -> Section:
    with started():
        return folder.run(bench.options.folder)


def _workflow(bench: Bench) -> Section:
    options = bench.options
    return workflow.run(bench.cloud, pictures=options.pictures, repeats=options.repeats)


PARTS: dict[str, Callable[[Bench], Section]] = {
    "staging": _staging,
    "folder": _folder,
    "workflow": _workflow,
    "growth": lambda bench: growth.run(bench.cloud, pictures=bench.options.growth),
    "costs": lambda _: costs.run(),
    "captures": lambda bench: captures.run(bench.options.records),
}
WITHOUT_PICTURES = frozenset({"costs", "captures", "folder"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and, with `--out`, write the page; the exit code does not judge."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    console = Console()
    sections: list[Section] = []
    with ExitStack() as stack:
        bench = Bench(options, stack, console)
        run = report.Run(
            machine=report.describe_machine(),
            data=_describe_data(bench),
            command=shlex.join(["python", "-m", "benchmarks", *given]),
            sections=sections,
        )
        console.print(run.machine, soft_wrap=True)
        for name in options.only:
            console.rule(name)
            sections.append(PARTS[name](bench))
            console.print(table(sections[-1:]))
            if options.out:  # after each part: they take long, and the next may fail
                options.out.write_text(run.page, encoding="utf-8")
    console.print(table(sections))
    for remark in run.remarks:
        console.print(f"- {remark}", markup=False, soft_wrap=True)
    if options.out:
        console.print(f"Wrote {options.out}")
    return 0


def _describe_data(bench: Bench) -> str:
    """Describe the pictures; end the command if a part needs them and there are none."""
    if WITHOUT_PICTURES.issuperset(bench.options.only):
        return "none"
    try:
        return report.describe_data(bench.pictures)
    except StagingError as error:
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog=f"Pictures: the archive that ${ARCHIVE_VARIABLE} names, else the download.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART", help="parts to run"
    )
    parser.add_argument("--repeats", type=_positive, default=3, help="repeats of each measurement")
    for option, default, meaning in (
        ("--folder", folder.PICTURES, "pictures of the folder part"),
        ("--pictures", workflow.PICTURES, "pictures of a workflow run"),
        ("--growth", growth.PICTURES, "pictures of the growth part"),
        ("--records", captures.RECORDS, "records of the captures part"),
    ):
        parser.add_argument(
            option, type=_positive, nargs="+", default=default, metavar="N", help=meaning
        )
    parser.add_argument("--drawn", action="store_true", help="use drawn pictures")
    parser.add_argument("--out", type=Path, metavar="PATH", help="write docs/benchmarks.md here")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
