"""`scones report`: what the model did, to open and to show."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from operations.deployed import find_target
from scones import errors, terminal
from scones.options import Captures, ClassNames, NamedEnvironment, Threshold, class_names

EXIT_EMPTY = 3


def _positive(value: float) -> float:
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g} is not above 0")
    return value


def report(
    captures: Captures = None,
    environment: NamedEnvironment = None,
    classes: ClassNames = None,
    threshold: Threshold = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Staged pictures that the model learned from: a folder or s3://bucket/prefix with "
            "a manifest.json. Adds the class names and a section to the report.",
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Ground truth: a staged dataset (as for --dataset), a .csv with the columns label "
            "and event_id or inference_id, such as `scones sample` writes, or SageMaker's "
            "ground-truth .jsonl files; a file, folder or S3 prefix.",
        ),
    ] = None,
    wrong_routing_cost: Annotated[
        float,
        typer.Option(
            metavar="N", callback=_positive, help="Cost of a picture that is accepted but wrong."
        ),
    ] = 10.0,
    hand_check_cost: Annotated[
        float,
        typer.Option(
            metavar="N",
            callback=_positive,
            help="Cost, in the same currency, of a picture that a person checks.",
        ),
    ] = 1.0,
    previous: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="summary.json of the report to compare with; default: that in --out.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write.")] = Path(
        "out/report"
    ),
) -> None:
    """Report on what the endpoint captured.

    Writes report.html, summary.json and, for slides, pictures/*.png.

    Exit codes: 0 written; 1 something could not be read or written; 2 wrong usage; 3 written, but
    there are no predictions.
    """
    if not (captures or environment):
        raise typer.BadParameter("name CAPTURES, or the --environment whose captures to read")
    names = class_names(classes)
    console = terminal.console()
    with errors.shown(ValueError, packages="report"):
        from analysis.report.build import REPORT, build
        from analysis.report.summary import Request
        from analysis.threshold import Costs

        with console.status("starting") as status:
            target = find_target(environment, captures, threshold, truth, dataset)
            request = Request(
                captures=target.captures,
                out=out,
                threshold=target.threshold,
                classes=names or target.classes,
                dataset=dataset or target.dataset,
                truth=truth,
                costs=Costs(wrong_routing_cost, hand_check_cost),
                previous=previous,
            )
            built = build(request, say=lambda text: status.update(escape(text)))
        for sentence in built.skipped.sentences() + built.text.did:
            console.print(sentence, soft_wrap=True)
        console.print(f"Wrote {out / REPORT}", soft_wrap=True)
    if not built.summary.predictions:
        raise typer.Exit(EXIT_EMPTY)
