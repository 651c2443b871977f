"""`python -m monitoring.report --environment NAME`: what the model did, to open and to show."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

import terminal
from monitoring.class_names import class_names
from monitoring.deployed import Target, parse
from monitoring.report import words
from monitoring.report.build import Request, build
from monitoring.report.write import REPORT, SUMMARY
from monitoring.threshold import Costs
from training.errors import StagingError

EXIT_FAILED, EXIT_EMPTY = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report that the command line asks for; returns the exit code."""
    options = parse(_parser(), arguments)
    console = terminal.console()
    try:
        with console.status("starting") as status:
            shown = build(_request(options), say=lambda text: status.update(escape(text)))
    except (BotoCoreError, ClientError, OSError, StagingError, ValueError) as error:
        console.print(f"No report: {error}", style="red", soft_wrap=True)
        return EXIT_FAILED
    # Before the figures: who reads only the first one must know what it leaves out.
    for sentence in shown.skips.sentences() + words.did(shown.summary):
        console.print(sentence, soft_wrap=True)
    console.print(f"Wrote {options.out / REPORT}", soft_wrap=True)
    return 0 if shown.summary.predictions else EXIT_EMPTY


def _request(options: argparse.Namespace) -> Request:
    target = Target.of(options)
    deployed = target.deployed
    return Request(
        captures=target.captures,
        out=options.out,
        threshold=target.threshold.value,
        threshold_source=target.threshold.source,
        classes=options.classes or (deployed.classes if deployed else ()),
        dataset=options.dataset or (deployed.dataset if deployed else None),
        truth=options.truth,
        costs=Costs(options.wrong_routing_cost, options.hand_check_cost),
        previous=options.previous,
    )


def _cost(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m monitoring.report",
        description="Read what the endpoint captured, and write a report on it: report.html, "
        "summary.json and, for slides, pictures/*.png.",
        epilog=f"Exit codes: 0 written, {EXIT_FAILED} something could not be read or written, "
        f"2 wrong usage, {EXIT_EMPTY} written, but there is no prediction to report on.",
    )
    parser.add_argument(
        "--classes",
        type=class_names,
        metavar="NAME,NAME",
        help="class names in the order of the model's probabilities (default: the dataset's, or "
        "those of --environment)",
    )
    parser.add_argument(
        "--dataset",
        metavar="PLACE",
        help="staged pictures that the model learned from: the folder or s3://bucket/prefix of a "
        "manifest.json; gives the class names, and a section of the report",
    )
    parser.add_argument(
        "--truth",
        metavar="PLACE",
        help="what the pictures really show: a staged dataset (as --dataset), a .csv with the "
        "columns label and event_id or inference_id, as monitoring.sample writes it, or "
        "SageMaker's ground-truth .jsonl files; a file, folder or S3 prefix",
    )
    parser.add_argument(
        "--wrong-routing-cost",
        type=_cost,
        default=Costs.wrong_routing,
        metavar="N",
        help="cost of a picture that is accepted and wrong (default: %(default)g)",
    )
    parser.add_argument(
        "--hand-check-cost",
        type=_cost,
        default=Costs.hand_check,
        metavar="N",
        help="cost, in the same currency, of a picture that a person looks at "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--previous",
        type=Path,
        metavar="FILE",
        help=f"{SUMMARY} of the report to compare with (default: the one in the --out folder)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/report"),
        metavar="FOLDER",
        help="default: %(default)s",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
