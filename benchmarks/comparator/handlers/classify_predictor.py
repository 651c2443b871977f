"""Second step, by the SageMaker SDK's Predictor, which is made for each call."""

import base64

import sagemaker
from sagemaker.serializers import IdentitySerializer

ENDPOINT = "scones-dev"


def lambda_handler(event, context):
    """Adds the probabilities to the event."""
    event = event["body"]
    image = base64.b64decode(event["image_data"])
    predictor = sagemaker.predictor.Predictor(ENDPOINT)
    predictor.serializer = IdentitySerializer("image/png")
    inferences = predictor.predict(image).decode("utf-8")
    event["inferences"] = [float(x) for x in inferences[1:-1].split(",")]
    return {"statusCode": 200, "body": event}
