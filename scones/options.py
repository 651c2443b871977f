"""Options that several verbs share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lambda_src.shared.class_names import decode
from settings import available_environments


def environment_names(incomplete: str) -> list[str]:
    """Return the environments whose names begin like this, to complete an option."""
    return [name for name in available_environments() if name.startswith(incomplete)]


Environment = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help=f"Environment of settings/: {', '.join(available_environments())}.",
        autocompletion=environment_names,
    ),
]
NamedEnvironment = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use the captures, dataset, class names and threshold deployed there: "
        f"{', '.join(available_environments())}.",
        autocompletion=environment_names,
    ),
]
Captures = Annotated[
    str | None,
    typer.Argument(
        metavar="CAPTURES",
        help="s3://bucket/folder, folder or file; default: the captures of --environment.",
        show_default=False,
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Class names in the order of the model's probabilities, such as bicycle,motorcycle, "
        """or in JSON, such as '["burnt, black", "fine"]'; """
        "default: those of the dataset or of --environment.",
        show_default=False,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Confidence threshold to judge by; default: the deployed one of --environment, else "
        "the default of workflow.confidence_threshold.",
        show_default=False,
    ),
]
Archive = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Archive in CIFAR-100's layout; default: $CIFAR_ARCHIVE, else the download.",
        show_default=False,
    ),
]
NoIam = Annotated[
    bool,
    typer.Option(
        "--no-iam",
        help="Allow every call to the local cloud, whatever the caller's IAM policies say.",
    ),
]


def at_most_one(options: Mapping[str, object]) -> None:
    """Raise typer.BadParameter if more than one of the options, by name, has a value.

    An empty text is refused as well: it comes from a variable of a shell that is not set.
    """
    for name, value in options.items():
        if value == "":
            raise typer.BadParameter(f"{name} is empty")
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other")


def class_names(text: str | None) -> tuple[str, ...]:
    """Return the names in `NAME,NAME` or JSON, or raise typer.BadParameter; none without text."""
    if text is None:
        return ()
    try:
        names = tuple(name.strip() for name in decode(text.strip()))
    except (AttributeError, RecursionError, ValueError) as error:
        raise typer.BadParameter(
            f"{text[:80]!r} is not a list of names in JSON: {error}; expected names separated by "
            """commas, or such as '["burnt, black", "fine"]'"""
        ) from error
    for name in names:
        if not name or not name.isprintable():
            raise typer.BadParameter(
                f"{name!r} is not a class name: expected printable names, separated by commas"
            )
        if names.count(name) > 1:
            raise typer.BadParameter(f"{name!r} appears twice: name each class once")
    return names
