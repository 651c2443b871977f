"""Third step: an error where the confidence is too low."""

import json

THRESHOLD = 0.93


class THRESHOLD_CONFIDENCE_NOT_MET(Exception):
    """Ends the execution, with all its pictures."""


def lambda_handler(event, context):
    """Hands the event on, as JSON text."""
    event = event["body"]
    inferences = event["inferences"]
    if max(inferences) < THRESHOLD:
        raise THRESHOLD_CONFIDENCE_NOT_MET("confidence is too low")
    return {"statusCode": 200, "body": json.dumps(event)}
