"""Which local algorithm stands for which container image."""

import re
from dataclasses import dataclass
from typing import Final

from localcloud.sagemaker.errors import invalid


@dataclass(frozen=True)
class Algorithm:
    """A local stand-in for a container image: a Python module that takes `train` and `serve`."""

    module: str
    metrics: dict[str, str]
    """Metric name -> regular expression over the lines of its training log, value as group 1."""


# validation:accuracy is documented, https://docs.aws.amazon.com/sagemaker/latest/dg/IC-tuning.html;
# the lines have the form of MXNet's training log, which the real algorithm writes.
ALGORITHMS: Final = {
    "image-classification": Algorithm(
        module="localcloud.algorithm",
        metrics={
            "train:accuracy": r"Epoch\[\d+\] Train-accuracy=(\S+)",
            "validation:accuracy": r"Epoch\[\d+\] Validation-accuracy=(\S+)",
        },
    ),
}

_IMAGE: Final = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<repository>[^:@]+)([:@].+)?"
)


def algorithm_of(image: str) -> Algorithm:
    """The local algorithm for an image URI, whatever its account, region and tag.

    Raises:
        ApiError: ValidationException that names the image, if there is none.
    """
    match = _IMAGE.fullmatch(image)
    algorithm = ALGORITHMS.get(match["repository"]) if match else None
    if algorithm is None:
        raise invalid(
            f"Requested image {image} not found. The local cloud runs no containers; it has "
            f"algorithms for the repositories: {', '.join(sorted(ALGORITHMS))}"
        )
    return algorithm
