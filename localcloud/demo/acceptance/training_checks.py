"""What is assumed of the built-in algorithm."""

from typing import Any

from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.trainings import accuracy_of, in_words

SECTION = "Training"
POINTS = 0.02
"""Difference of two accuracies over the same pictures that decoding and rounding may explain."""


@check(
    "The algorithm starts from its ImageNet weights at 224 pixels with 18 layers, "
    "without access to the network",
    expected="a job with the preset pretrained is Completed",
    section=SECTION,
    aws_only=True,
)
def pretrained_at_224(context: Context) -> Finding:
    """Look how the job with this preset ended."""
    return _trained(context.job_of("pretrained"), {"num_layers": "18", "image_shape": "3,224,224"})


@check(
    "The algorithm accepts 18 layers at 32 pixels: 32 counts as a large picture",
    expected="a job with the preset small-from-scratch is Completed",
    section=SECTION,
    aws_only=True,
)
def eighteen_layers_at_32(context: Context) -> Finding:
    """Look how the job with this preset ended."""
    job = context.job_of("small-from-scratch")
    return _trained(job, {"num_layers": "18", "image_shape": "3,32,32"})


def _trained(job: dict[str, Any], hyperparameters: dict[str, str]) -> Finding:
    given = {name: job["HyperParameters"].get(name) for name in hyperparameters}
    if given != hyperparameters:
        return Finding(Verdict.NOT_REACHED, f"the settings have others: {in_words(job)}")
    return confirmed_if(job["TrainingJobStatus"] == "Completed", in_words(job))


@check(
    "The endpoint is as accurate as the training job reports of the same validation pictures",
    expected=f"a difference of at most {POINTS:g}",
    section=SECTION,
    aws_only=True,
)
def accuracy_at_the_endpoint(context: Context) -> Finding:
    """Compare the workflow's labels with the truth, and that with the job's own figure."""
    reported = accuracy_of(context.stacks_job())
    measured = context.outcome().accuracy
    if reported is None or measured is None:
        return confirmed_if(False, f"the job reports {reported}, the endpoint's is {measured}")
    seen = f"training log {reported:.4f}, endpoint {measured:.4f}"
    return confirmed_if(abs(reported - measured) <= POINTS, seen)
