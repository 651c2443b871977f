"""Second step: the endpoint's probabilities; the picture stays in the event."""

import base64

import boto3

ENDPOINT = "scones-dev"
runtime = boto3.client("runtime.sagemaker")


def lambda_handler(event, context):
    """Adds the probabilities to the event."""
    event = event["body"]
    image = base64.b64decode(event["image_data"])
    response = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="image/png", Body=image)
    inferences = response["Body"].read().decode("utf-8")
    event["inferences"] = [float(x) for x in inferences[1:-1].split(",")]
    return {"statusCode": 200, "body": event}
