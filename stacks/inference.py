"""Model, endpoint configuration with data capture, endpoint."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.inference.image_endpoint import ImageEndpoint


class InferenceStack(cdk.Stack):
    """Serves the model that the training stack published last, and publishes its name."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        capture_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: endpoint of the image classifier, with data capture",
        )
        endpoint = ImageEndpoint(
            self,
            "ImageEndpoint",
            settings=settings,
            model_data_url=ssm.StringParameter.value_for_string_parameter(
                self, settings.model_data_url_parameter
            ),
            data_bucket=data_bucket,
            artifact_bucket=artifact_bucket,
            capture_bucket=capture_bucket,
            encryption_key=encryption_key,
        )
        # Not an export: the name changes with every model, and an export in use could not.
        model_name = ssm.StringParameter(
            self,
            "ModelNameParameter",
            parameter_name=settings.model_name_parameter,
            string_value=endpoint.model_name,
        )
        if endpoint.resource:
            # So that the drift detector knows of another model before that answers.
            endpoint.resource.node.add_dependency(model_name)
            cdk.CfnOutput(self, "EndpointName", value=settings.endpoint_name)
        if settings.capture.enabled:
            cdk.CfnOutput(self, "CaptureUri", value=endpoint.capture_uri)
