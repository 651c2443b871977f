"""`scones sample`: captured pictures to label by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from operations.deployed import find_target
from scones import errors, terminal
from scones.options import Captures, ClassNames, NamedEnvironment, Threshold, class_names

FEW_CLASSES = 5


def sample(
    captures: Captures = None,
    environment: NamedEnvironment = None,
    classes: ClassNames = None,
    threshold: Threshold = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures to pick.")] = 50,
    seed: Annotated[int, typer.Option(help="Another seed picks another sample.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write.")] = Path(
        "out/sample"
    ),
) -> None:
    """Pick captured pictures to label by hand, of high and low confidence.

    Fill in the column label of labels.csv and pass the file to `scones report --truth`, or add the
    pictures to those that the model learns from: `scones stage --add`.

    Exit codes: 0 written; 1 nothing to pick, or not readable; 2 wrong usage.
    """
    if not (captures or environment):
        raise typer.BadParameter("name CAPTURES, or the --environment whose captures to read")
    if not (classes or environment):
        raise typer.BadParameter("name --classes, or --environment")
    names = class_names(classes)
    console = terminal.console()
    with errors.shown(packages="report"):
        from analysis.labelling import pick, refuse_existing, write
        from analysis.skipped_lines import SkippedLines

        refuse_existing(out)
        target = find_target(environment, captures, threshold)
        names = names or target.classes
        skipped = SkippedLines()
        with terminal.console(errors=True).status(f"Reading {escape(target.captures)}"):
            picked = pick(
                target.captures,
                classes=names,
                count=count,
                threshold=target.threshold.value,
                skipped=skipped,
                seed=seed,
            )
        for sentence in skipped.sentences():
            console.print(sentence, soft_wrap=True)
        if not picked:
            errors.fail(f"no pictures with an answer below {target.captures}")
        labels = write(picked, out)
        console.print(
            f"Wrote {len(picked)} pictures to {out}. Look at each and write its class "
            f"({_listed(names)}), or none if it shows none of them, into the column label of "
            f"{labels}.",
            soft_wrap=True,
        )


def _listed(names: Sequence[str]) -> str:
    if len(names) <= FEW_CLASSES and not any("," in name for name in names):
        return " or ".join(names)
    return f"one of {', '.join(f'“{name}”' for name in names)}"
