"""Model, endpoint configuration with data capture, endpoint."""

import aws_cdk as cdk
from constructs import Construct

from settings import Settings
from stacks.constructs.common.conventions import Env, EnvironmentStack
from stacks.constructs.common.storage import Storage
from stacks.constructs.inference import ImageEndpoint


class InferenceStack(EnvironmentStack):
    """Serves the model that the training stack published last, and publishes its name."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: Storage, env: Env) -> None:
        description = "endpoint of the image classifier, with data capture"
        super().__init__(
            scope, settings=settings, name="Inference", description=description, env=env
        )
        endpoint = ImageEndpoint(self, settings=settings, storage=storage)
        # The name changes with every model.
        parameter = settings.model_name_parameter
        model_name = self._publish("ModelNameParameter", parameter, endpoint.model_name)
        if endpoint.resource:
            # So that the drift detector knows of another model before that model serves.
            endpoint.resource.node.add_dependency(model_name)
            cdk.CfnOutput(self, "EndpointName", value=settings.endpoint_name)
        if settings.capture.enabled:
            cdk.CfnOutput(self, "CaptureUri", value=endpoint.capture_uri)
