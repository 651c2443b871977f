"""The built-in algorithm."""

import json
from collections.abc import Iterator
from importlib.resources import files

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

# The table of stacks/constructs/common/algorithm_image.py, which itself would import aws_cdk.
TABLE = files("stacks.constructs.common") / "algorithm_registries.json"


def algorithm(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """The region offers the image-classification algorithm."""
    regions: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))
    if aws.region in regions:
        yield Finding(Verdict.OK, f"image-classification is offered in {aws.region}")
    else:
        yield Finding(
            Verdict.PROBLEM,
            f"{aws.region} does not offer the built-in image-classification algorithm",
            f"deploy to one of: {', '.join(regions)}",
        )
