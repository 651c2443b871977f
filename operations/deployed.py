"""Find the captures of a deployed environment, and the threshold that judges its pictures."""

from dataclasses import dataclass
from typing import Self

from operations.aws import announce, errors_in_words, session, stack_output, stack_outputs
from settings import Settings, load
from settings.s3_uris import is_s3
from settings.workflow import Workflow

DEFAULT_THRESHOLD = Workflow().confidence_threshold


@dataclass(frozen=True)
class Threshold:
    """A confidence threshold, and where it comes from."""

    value: float
    source: str
    """The end of a sentence that begins with "The threshold of ... is"."""


@dataclass(frozen=True)
class Deployed:
    """Outputs of the stacks of an environment."""

    captures: str | None
    """S3 URI of the captures; None if the endpoint captures nothing."""
    dataset: str | None
    """S3 URI of the pictures that the model was trained with; None if no stack trained it."""
    classes: tuple[str, ...]
    """In the order of the model's probabilities."""

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Read the outputs of the stacks.

        Raises:
            AwsError: a stack is not deployed, or AWS refuses.
        """
        return cls(
            captures=stack_outputs(settings, "Inference").get("CaptureUri"),
            dataset=stack_outputs(settings, "Training").get("DatasetUri"),
            classes=tuple(stack_output(settings, "Training", "Classes").split(",")),
        )


def deployed_threshold(settings: Settings) -> Threshold:
    """Return the threshold of the deployed function.

    Raises:
        AwsError: as `Deployed.read`.
    """
    name = stack_output(settings, "Workflow", "FilterConfidenceName")
    with errors_in_words():
        function = session().client("lambda").get_function_configuration(FunctionName=name)
    value = function["Environment"]["Variables"]["CONFIDENCE_THRESHOLD"]
    return Threshold(float(value), f"the one deployed in {settings.stack_name('Workflow')}")


@dataclass(frozen=True)
class Target:
    """The captures that a command reads, and the threshold that judges them."""

    captures: str
    threshold: Threshold
    deployed: Deployed | None
    """None if no environment was named."""

    @classmethod
    def of(
        cls,
        environment: str | None,
        captures: str | None,
        threshold: float | None,
        *places: str | None,
    ) -> Self:
        """Return the captures and the threshold to use: the named ones, else the deployed ones.

        Args:
            environment: to look up what is not named, if any.
            captures: folder, file or S3 URI.
            threshold: to judge by.
            places: other places that the command reads; if one is in S3, announce the account.

        Raises:
            SettingsError: there is no such environment.
            AwsError: as `Deployed.read`.
            FileNotFoundError: no captures are named, and the environment has none.
        """
        settings = load(environment) if environment else None
        if settings or any(is_s3(place) for place in (captures, *places) if place):
            announce()
        deployed = Deployed.read(settings) if settings else None
        if deployed and not captures:
            captures = deployed.captures
        if not captures:
            raise FileNotFoundError(
                f"the endpoint of {environment} captures nothing: set capture.enabled and "
                "deploy, or name CAPTURES"
            )
        return cls(captures, _threshold(threshold, settings), deployed)


def _threshold(given: float | None, settings: Settings | None) -> Threshold:
    if given is not None:
        return Threshold(given, "the one named by --threshold")
    if settings:
        return deployed_threshold(settings)
    return Threshold(
        DEFAULT_THRESHOLD,
        "the settings' default; name --environment to judge by the one that is deployed",
    )
