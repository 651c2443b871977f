"""Third step for one picture: name the best class and hold it against the threshold."""

import json
import os
from typing import Any

from lambda_src.shared import probabilities
from lambda_src.shared.events import bucket_name, invalid, object_key, sequence

THRESHOLD = float(os.environ["CONFIDENCE_THRESHOLD"])
STYLE = os.environ["REJECTION_STYLE"]  # "status": answer 406; "raise": raise an error
CLASSES = os.environ["CLASSES"].split(",")  # in the order of the model's probabilities


class ConfidenceThresholdNotMet(Exception):
    """The best class is below the threshold."""


class ClassCountMismatch(Exception):
    """The model knows another number of classes than the deployment."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return what `judge` makes of the picture, or raise its rejection, and log the verdict.

    The line in the log is what the metric `Pictures` counts.

    Raises:
        ConfidenceThresholdNotMet: the picture is rejected, and the settings want it raised.
        ClassCountMismatch, InvalidEvent: see `judge`.
    """
    judged = judge(event)
    body = judged["body"]
    accepted = judged["statusCode"] == 200
    line = {"verdict": "Accepted" if accepted else "Rejected"}
    for name in ("s3_bucket", "s3_key", "label", "confidence"):
        line[name] = body[name]
    print(json.dumps(line))
    if STYLE == "raise" and not accepted:
        raise ConfidenceThresholdNotMet(body["reason"])
    return judged


def judge(event: dict[str, Any]) -> dict[str, Any]:
    """Accept (200) or reject (406) a picture by the best class's probability.

    The threshold itself is accepted: the question is whether the confidence is *below* it.

    Raises:
        ClassCountMismatch: there are not as many probabilities as class names.
        InvalidEvent: bucket, key or probabilities are missing, or of another type.
    """
    bucket, key = bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    inferences = sequence(event, "inferences")
    if len(inferences) != len(CLASSES):
        raise ClassCountMismatch(
            f"s3://{bucket}/{key}: {len(inferences)} probabilities for "
            f"{len(CLASSES)} classes ({', '.join(CLASSES)}); deploy training, inference and "
            "workflow with the same dataset"
        )
    try:
        inferences = probabilities.check(inferences)
    except ValueError as error:
        raise invalid("inferences", inferences, "numbers from 0 to 1") from error
    confidence = max(inferences)
    label = CLASSES[inferences.index(confidence)]
    body = {
        "s3_bucket": bucket,
        "s3_key": key,
        "label": label,
        "confidence": confidence,
        "threshold": THRESHOLD,
        "inferences": inferences,
    }
    if confidence >= THRESHOLD:
        return {"statusCode": 200, "body": body}
    reason = f"best class {label} has confidence {confidence:.3f}, below the threshold {THRESHOLD}"
    return {"statusCode": 406, "body": {**body, "reason": reason}}
