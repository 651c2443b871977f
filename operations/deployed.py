"""Find the captures of a deployed environment, and the threshold that judges its pictures."""

from dataclasses import dataclass

from lambda_src.shared import class_names
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
class Target:
    """The captures that a command reads, and what is deployed beside them."""

    captures: str
    """Folder, file or S3 URI."""
    threshold: Threshold
    classes: tuple[str, ...] = ()
    """In the order of the model's probabilities; empty if no environment was named."""
    dataset: str | None = None
    """S3 URI of the pictures that the stack trained its model with, if any."""


def find_target(
    environment: str | None, captures: str | None, threshold: float | None, *places: str | None
) -> Target:
    """Return the captures and the threshold to use: the named ones, else those of the environment.

    Announces the account if the command reads from it: if there is an environment, or if the
    captures or other `places` are in S3.

    Raises:
        SettingsError: there is no such environment.
        FileNotFoundError: no captures are named, and the environment has none.
    """
    settings = load(environment) if environment else None
    if settings or any(is_s3(place) for place in (captures, *places) if place):
        announce()
    if settings:
        captures = captures or stack_outputs(settings, "Inference").get("CaptureUri")
    if not captures:
        raise FileNotFoundError(
            f"the endpoint of {environment} captures nothing: set capture.enabled and "
            "deploy, or name CAPTURES"
        )
    if threshold is not None:
        judged_by = Threshold(threshold, "the one named by --threshold")
    elif settings:
        judged_by = deployed_threshold(settings)
    else:
        source = "the settings' default; name --environment to judge by the one that is deployed"
        judged_by = Threshold(DEFAULT_THRESHOLD, source)
    if not settings:
        return Target(captures, judged_by)
    classes = class_names.decode(stack_output(settings, "Training", "Classes"))
    dataset = stack_outputs(settings, "Training").get("DatasetUri")
    return Target(captures, judged_by, classes, dataset)


def deployed_threshold(settings: Settings) -> Threshold:
    """Return the threshold of the deployed function."""
    name = stack_output(settings, "Workflow", "FilterConfidenceName")
    with errors_in_words():
        function = session().client("lambda").get_function_configuration(FunctionName=name)
    value = function["Environment"]["Variables"]["CONFIDENCE_THRESHOLD"]
    return Threshold(float(value), f"the one deployed in {settings.stack_name('Workflow')}")
