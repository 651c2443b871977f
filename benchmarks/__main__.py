"""`python -m benchmarks`: everything that is measured, in one run and one table.

The parts run one after the other on a local cloud of their own; within a part, ours and the
comparator take turns. Figures depend on the machine and on what else it does; the ratios less.
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

from benchmarks import algorithm, costs, growth, predictor, report, staging, suite, synth, workflow
from benchmarks.cloud import ENVIRONMENT, Cloud, deployed
from benchmarks.machine import machine
from benchmarks.rows import Findings, table
from settings import load
from training import source
from training.errors import StagingError
from training.source import ARCHIVE_VARIABLE, Source


@dataclass
class Bench:
    """What the parts measure with; the cloud is started when the first part needs it."""

    options: argparse.Namespace
    stack: ExitStack
    console: Console

    @property
    def classes(self) -> Sequence[str]:
        """Those of the settings."""
        return load(ENVIRONMENT).dataset.classes

    @cached_property
    def pictures(self) -> Source:
        """Real ones unless drawn ones are asked for; raises `StagingError` where there are none."""
        if self.options.drawn:
            return source.drawing(self.classes)
        return source.real(self.options.archive)

    @cached_property
    def cloud(self) -> Cloud:
        """The deployed application."""
        return self.stack.enter_context(deployed(self.pictures, self.console))


def _staging(bench: Bench) -> Findings:
    return staging.run(bench.cloud, bench.pictures, repeats=bench.options.repeats)


def _workflow(bench: Bench) -> Findings:
    folder = bench.options.predictor
    return workflow.run(
        bench.cloud,
        pictures=bench.options.pictures,
        repeats=bench.options.repeats,
        sdk=folder and predictor.installed(folder),
    )


def _growth(bench: Bench) -> Findings:
    return growth.run(bench.cloud, pictures=bench.options.growth)


def _costs(_: Bench) -> Findings:
    return costs.run()


def _synth(bench: Bench) -> Findings:
    return synth.run(bench.options.repeats)


def _algorithm(bench: Bench) -> Findings:
    return algorithm.run(bench.pictures, bench.classes, seeds=range(bench.options.repeats))


def _suite(_: Bench) -> Findings:
    return suite.run()


PARTS: dict[str, Callable[[Bench], Findings]] = {
    "staging": _staging,
    "workflow": _workflow,
    "growth": _growth,
    "costs": _costs,
    "synth": _synth,
    "algorithm": _algorithm,
    "suite": _suite,
}
WITHOUT_PICTURES = frozenset({"costs", "synth", "suite"})
BY_DEFAULT = tuple(name for name in PARTS if name != "suite")


def _command(given: Sequence[str], **places: Path | None) -> str:
    """As it was given, but for places by their names, which are this machine's alone."""
    shown = shlex.join(["python", "-m", "benchmarks", *given])
    for name, place in places.items():
        if place:
            shown = shown.replace(shlex.quote(str(place)), name)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and, where asked, write; the exit code does not judge."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    console = Console()
    start = machine()
    console.print(start, soft_wrap=True)
    findings: list[Findings] = []
    with ExitStack() as stack:
        bench = Bench(options, stack, console)
        run = report.Run(
            machine=start,
            data=_data(bench),
            command=_command(given, ARCHIVE=options.archive, FOLDER=options.predictor),
            findings=findings,
        )
        for name in options.only:
            console.rule(name)
            findings.append(PARTS[name](bench))
            console.print(table(findings[-1:]))
            if options.out:  # after each part: they take long, and the next may fail
                options.out.write_text(report.page(run), encoding="utf-8")
    console.print(table(findings))
    for remark in run.remarks:
        console.print(f"- {remark}", markup=False, soft_wrap=True)
    if options.out:
        console.print(f"Wrote {options.out}")
    return 0


def _data(bench: Bench) -> str:
    """The pictures, in words; ends the command where there are none but a part needs them."""
    if WITHOUT_PICTURES.issuperset(bench.options.only):
        return "none"
    try:
        return report.data(bench.pictures)
    except StagingError as error:
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=_parts,
        default=BY_DEFAULT,
        metavar="PART,...",
        help=f"of {', '.join(PARTS)} (default: all but suite, which runs every test)",
    )
    parser.add_argument("--repeats", type=_positive, default=3, help="of each (default: 3)")
    parser.add_argument(
        "--pictures",
        type=_positive,
        nargs="+",
        default=workflow.PICTURES,
        metavar="N",
        help=f"of a workflow's run (default: {' '.join(map(str, workflow.PICTURES))})",
    )
    parser.add_argument(
        "--predictor",
        type=Path,
        metavar="FOLDER",
        help="measure the workflow beside the SageMaker SDK's Predictor, too; its version 2 is "
        "installed into FOLDER (280 MB) if it is not there",
    )
    parser.add_argument(
        "--growth",
        type=_positive,
        nargs="+",
        default=growth.PICTURES,
        metavar="N",
        help=f"pictures of the growth part (default: {' '.join(map(str, growth.PICTURES))})",
    )
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="PATH",
        help=f"CIFAR-100 archive (default: ${ARCHIVE_VARIABLE}, else the download)",
    )
    parser.add_argument("--drawn", action="store_true", help="drawn pictures instead")
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help="write a page, e.g. docs/benchmarks.md"
    )
    return parser


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PARTS)}")
    return names


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
