"""Model, endpoint configuration with data capture, and the endpoint that serves them."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings
from settings.s3_uris import S3Uri
from stacks.constructs.batch.transform_expressions import OUTPUT
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.algorithm_image import AlgorithmImage
from stacks.constructs.common.encryption_key import (
    allow_volumes,
    allow_writing,
    volume_key,
)
from stacks.constructs.common.grants import allow, allow_listing
from stacks.constructs.common.sagemaker_role import SageMakerRole
from stacks.constructs.inference.endpoint_alarms import EndpointAlarms
from stacks.constructs.inference.endpoint_scaling import EndpointScaling
from stacks.constructs.inference.endpoint_update import deployment_config
from stacks.constructs.training.training_job import MODELS

CAPTURES = "captures"
VARIANT = "AllTraffic"
CAPTURE_MODES = {
    "input-and-output": ("Input", "Output"),
    "input": ("Input",),
    "output": ("Output",),
}


class ImageEndpoint(Construct):
    """Serves one model and captures requests and replies; transform jobs may use the model, too."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        model_data_url: str,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        capture_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
    ) -> None:
        """`model_data_url` is the S3 URI of the model.tar.gz, possibly a token."""
        super().__init__(scope, construct_id)
        self._encryption_key = encryption_key
        key_of_volumes = volume_key(encryption_key, settings.endpoint.instance_type)
        self.capture_uri = capture_bucket.s3_url_for_object(CAPTURES)
        image = AlgorithmImage(self, "Image")
        role = SageMakerRole(
            self,
            "ModelRole",
            image=image,
            log_group_names=[
                f"/aws/sagemaker/Endpoints/{settings.endpoint_name}",
                "/aws/sagemaker/TransformJobs",
            ],
        )
        allow(
            role,
            "s3:GetObject",
            on=self._model_arn(settings, artifact_bucket),
            why_wildcard="Each training job has a folder of its own below models/.",
        )
        allow_volumes(role, key_of_volumes)
        if settings.capture.enabled:
            allow(
                role,
                "s3:PutObject",
                on=capture_bucket.arn_for_objects(f"{CAPTURES}/*"),
                why_wildcard="SageMaker names each capture by its time.",
            )
        # Of model, pictures, captures and results of transform jobs.
        allow_writing(role, encryption_key)
        self._allow_transform_jobs(role, settings, data_bucket)
        # Model and configuration have no name: CloudFormation creates the replacement before it
        # deletes the old one, and a fixed name would collide.
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri, model_data_url=model_data_url
            ),
            enable_network_isolation=True,
        )
        # The role *and its policy*; else the first deploy fails with "Could not access model data".
        model.node.add_dependency(role)
        self.model_name = model.attr_model_name
        configuration = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    model_name=model.attr_model_name,
                    instance_type=settings.endpoint.instance_type,
                    initial_instance_count=settings.endpoint.instance_count,
                    initial_variant_weight=1,
                )
            ],
            data_capture_config=self._capture(settings) if settings.capture.enabled else None,
            kms_key_id=key_of_volumes.key_arn if key_of_volumes else None,
        )
        if not key_of_volumes:
            acknowledge(
                configuration,
                "NIST.800.53.R5-SageMakerEndpointConfigurationKMSKeyConfigured",
                reason="It is the key of the volumes, which hold the model only; the disks of g4dn "
                "and g5 encrypt themselves and do not use it, and elsewhere it goes by "
                "encryption.customer_managed_key. Captures are encrypted by their bucket.",
            )
        self.resource: sagemaker.CfnEndpoint | None = None
        """None where `endpoint.enabled` is false."""
        if settings.endpoint.enabled:
            self._serve(settings, configuration.attr_endpoint_config_name, role)

    def _serve(self, settings: Settings, config_name: str, role: iam.Role) -> None:
        policy, scaling = settings.endpoint.update_policy, settings.endpoint.autoscaling
        alarms = None
        if policy.rollback_on_alarms:
            alarms = EndpointAlarms(
                self,
                "Alarms",
                policy=policy,
                endpoint_name=settings.endpoint_name,
                variant_name=VARIANT,
                config_name=config_name,
                role=role,
            )
        self.resource = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=settings.endpoint_name,
            endpoint_config_name=config_name,
            deployment_config=deployment_config(policy, alarms) if alarms else None,
            # Else every new model takes the number of instances back to where it started.
            retain_all_variant_properties=True if scaling.enabled else None,
        )
        if scaling.enabled:
            EndpointScaling(
                self, "Scaling", scaling=scaling, endpoint=self.resource, variant_name=VARIANT
            )

    def _allow_transform_jobs(
        self, role: iam.Role, settings: Settings, data_bucket: s3.IBucket
    ) -> None:
        # A transform job has no role of its own, it works with the model's: CreateModel,
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
        allow(
            role,
            "s3:GetObject",
            on=data_bucket.arn_for_objects("*"),
            why_wildcard="A manifest may name any picture of the data bucket.",
        )
        # SageMaker lists the manifest as the role before it accepts the job.
        allow_listing(role, data_bucket.bucket_arn, f"{OUTPUT}/*")
        allow(
            role,
            "s3:PutObject",
            on=data_bucket.arn_for_objects(f"{OUTPUT}/*"),
            why_wildcard="Each transform job has a folder of its own below batch/output/.",
        )
        allow_volumes(
            role, volume_key(self._encryption_key, settings.batch_transform.instance_type)
        )

    def _model_arn(self, settings: Settings, artifact_bucket: s3.IBucket) -> str:
        given = settings.training.model_data_url
        if given is None:
            return artifact_bucket.arn_for_objects(f"{MODELS}/*")
        uri = S3Uri.parse_object(given)
        return cdk.Stack.of(self).format_arn(
            service="s3", region="", account="", resource=uri.bucket, resource_name=uri.key
        )

    def _capture(self, settings: Settings) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty:
        return sagemaker.CfnEndpointConfig.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=settings.capture.sampling_percentage,
            destination_s3_uri=self.capture_uri,
            kms_key_id=self._encryption_key.key_arn if self._encryption_key else None,
            capture_options=[
                sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode=mode)
                for mode in CAPTURE_MODES[settings.capture.mode]
            ],
            # Replies as they are; whatever is not named here, the pictures, becomes base64.
            capture_content_type_header=(
                sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                    json_content_types=["application/json"]
                )
            ),
        )
