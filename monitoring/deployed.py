"""What is deployed: where an environment captures, and the threshold that judges its pictures."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from account import announce, session
from settings import Settings, available_environments, load
from settings.schema import Workflow
from training.deployed import aws_errors_in_words, stack_output, stack_outputs

DEFAULT_THRESHOLD = Workflow().confidence_threshold


@dataclass(frozen=True)
class Threshold:
    """A confidence threshold, and where it comes from."""

    value: float
    source: str
    """The end of a sentence that begins with "The threshold of ... is"."""


@dataclass(frozen=True)
class Deployed:
    """What the stacks of an environment say."""

    captures: str | None
    """S3 URI of the captures; None where the endpoint captures nothing."""
    dataset: str | None
    """S3 URI of the pictures that the model was trained with; None where no stack trained it."""
    classes: tuple[str, ...]
    """In the order of the model's probabilities."""

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Read the outputs of the stacks.

        Raises:
            StagingError: a stack is not deployed, or AWS refuses.
        """
        return cls(
            captures=stack_outputs(settings, "Inference").get("CaptureUri"),
            dataset=stack_outputs(settings, "Training").get("DatasetUri"),
            classes=tuple(stack_output(settings, "Training", "Classes").split(",")),
        )


def deployed_threshold(settings: Settings) -> Threshold:
    """Return the threshold that the deployed function judges by.

    Raises:
        StagingError: as `Deployed.read`.
    """
    name = stack_output(settings, "Workflow", "FilterConfidenceName")
    with aws_errors_in_words():
        function = session().client("lambda").get_function_configuration(FunctionName=name)
    value = function["Environment"]["Variables"]["CONFIDENCE_THRESHOLD"]
    return Threshold(float(value), f"the one deployed in {settings.stack_name('Workflow')}")


@dataclass(frozen=True)
class Target:
    """The captures that a command is to read, and the threshold they are judged by."""

    captures: str
    threshold: Threshold
    deployed: Deployed | None
    """None where no environment was named."""

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """Return what the command line asks for (see `parse`); it wins over what is deployed.

        Raises:
            SettingsError: there is no such environment.
            StagingError: as `Deployed.read`.
            FileNotFoundError: no captures are named, and the environment has none.
        """
        settings = load(options.environment) if options.environment else None
        places = (str(value) for value in vars(options).values())
        if settings or any(place.startswith("s3://") for place in places):
            with aws_errors_in_words():
                announce()
        deployed = Deployed.read(settings) if settings else None
        captures = options.captures or (deployed and deployed.captures)
        if not captures:
            raise FileNotFoundError(
                f"the endpoint of {options.environment} captures nothing: set capture.enabled and "
                "deploy, or name CAPTURES"
            )
        return cls(captures, _threshold(options.threshold, settings), deployed)


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line, with CAPTURES, --environment and --threshold added to the parser."""
    parser.add_argument(
        "captures",
        nargs="?",
        metavar="CAPTURES",
        help="s3://bucket/folder, folder or file (default: those of --environment)",
    )
    parser.add_argument(
        "--environment",
        metavar="NAME",
        help="find captures, dataset, class names and threshold in what is deployed: "
        f"{', '.join(available_environments())}",
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        metavar="N",
        help="workflow.confidence_threshold to judge by (default: the one that is deployed in "
        f"--environment; without it the settings' default, {DEFAULT_THRESHOLD:g})",
    )
    options = parser.parse_args(arguments)
    if not (options.captures or options.environment):
        parser.error("name CAPTURES, or the --environment whose captures to read")
    return options


def _threshold(given: float | None, settings: Settings | None) -> Threshold:
    if given is not None:
        return Threshold(given, "the one named by --threshold")
    if settings:
        return deployed_threshold(settings)
    return Threshold(
        DEFAULT_THRESHOLD,
        "the settings' default; name --environment to judge by the one that is deployed",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
