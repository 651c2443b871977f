"""Third step of the workflow for one picture: compare its best class with the threshold."""

import json
from dataclasses import dataclass
from typing import Any

from lambda_src.shared.environment import EnvironmentVariables
from lambda_src.shared.events import bucket_name, invalid, object_key, sequence
from lambda_src.shared.picture_steps import judge


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    confidence_threshold: float
    rejection_style: str  # "status": answer 406; "raise": raise an error
    classes: tuple[str, ...]  # in the order of the model's probabilities


environment = Environment.read()


class ConfidenceThresholdNotMet(Exception):
    """The best class is below the threshold."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Accept (200) or reject (406) the picture by `inferences`, and log the verdict.

    The metric `Pictures` counts the lines of this log. A rejection is raised as
    ConfidenceThresholdNotMet where the settings want it.
    """
    bucket, key = bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    inferences = sequence(event, "inferences")
    try:
        verdict = judge(
            inferences,
            classes=environment.classes,
            threshold=environment.confidence_threshold,
            source=f"s3://{bucket}/{key}",
        )
    except ValueError as error:
        raise invalid("inferences", inferences, "numbers from 0 to 1") from error
    body: dict[str, Any] = {
        "s3_bucket": bucket,
        "s3_key": key,
        "label": verdict.label,
        "confidence": verdict.confidence,
    }
    print(json.dumps({"verdict": verdict.status.capitalize(), **body}))
    body |= {"threshold": environment.confidence_threshold, "inferences": verdict.inferences}
    if verdict.reason is None:
        return {"statusCode": 200, "body": body}
    if environment.rejection_style == "raise":
        raise ConfidenceThresholdNotMet(verdict.reason)
    return {"statusCode": 406, "body": {**body, "reason": verdict.reason}}
