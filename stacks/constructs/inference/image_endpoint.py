"""Model, endpoint configuration with data capture, and the endpoint that serves them."""

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings
from settings.endpoint import Autoscaling
from settings.s3_uris import S3Uri
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.algorithm_image import AlgorithmImage
from stacks.constructs.common.conventions import published
from stacks.constructs.common.grants import allow, allow_keys, allow_listing, s3_arn
from stacks.constructs.common.sagemaker_role import SageMakerRole
from stacks.constructs.common.storage import Storage, allow_volumes, allow_writing, volume_key
from stacks.constructs.inference.endpoint_metrics import VARIANT
from stacks.constructs.inference.endpoint_update import UpdateAlarms, deployment_config
from stacks.s3_layout import BATCH_OUTPUT, CAPTURES, MODELS, PICTURES

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
# More instances fast, fewer slowly.
SCALE_OUT_COOLDOWN_SECONDS, SCALE_IN_COOLDOWN_SECONDS = 60, 300


class ImageEndpoint(Construct):
    """Serves one model, which transform jobs may use as well; captures requests and replies."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: Storage) -> None:
        super().__init__(scope, "ImageEndpoint")
        self._settings, self._storage = settings, storage
        key_of_volumes = volume_key(storage.key, settings.endpoint.instance_type)
        self.capture_uri = storage.captures.s3_url_for_object(CAPTURES.path)
        image = AlgorithmImage(self, "Image")
        role = self._model_role(image)
        # Model and configuration have no name: CloudFormation creates the replacement before it
        # deletes the old one, and a fixed name would collide.
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri,
                model_data_url=published(self, settings.model_data_url_parameter),
            ),
            enable_network_isolation=True,
        )
        # The role *and its policy*: without it, the first deployment fails with "Could not access
        # model data".
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
            data_capture_config=self._capture() if settings.capture.enabled else None,
            kms_key_id=key_of_volumes.key_arn if key_of_volumes else None,
        )
        if not key_of_volumes:
            acknowledge(
                configuration,
                "NIST.800.53.R5-SageMakerEndpointConfigurationKMSKeyConfigured",
                reason="It is the key of the volumes, which hold the model only. The disks of g4dn "
                "and g5 encrypt themselves and do not use it; elsewhere it follows "
                "encryption.customer_managed_key. Captures are encrypted by their bucket.",
            )
        self.resource: sagemaker.CfnEndpoint | None = None
        """None where `endpoint.enabled` is false."""
        if settings.endpoint.enabled:
            self._serve(configuration.attr_endpoint_config_name, role)

    def _model_role(self, image: AlgorithmImage) -> iam.Role:
        settings, storage = self._settings, self._storage
        role = SageMakerRole(
            self,
            "ModelRole",
            image=image,
            log_group_names=[
                f"/aws/sagemaker/Endpoints/{settings.endpoint_name}",
                "/aws/sagemaker/TransformJobs",
            ],
        )
        if settings.training.model_data_url:
            uri = S3Uri.parse_object(settings.training.model_data_url)
            allow(role, "s3:GetObject", on=s3_arn(self, uri.bucket, uri.key))
        else:
            allow_keys(role, "s3:GetObject", bucket=storage.artifacts, folder=MODELS)
        allow_volumes(role, volume_key(storage.key, settings.endpoint.instance_type))
        if settings.capture.enabled:
            allow_keys(role, "s3:PutObject", bucket=storage.captures, folder=CAPTURES)
        # Of model, pictures, captures and results of transform jobs.
        allow_writing(role, storage.key)
        # A transform job has no role; it works with the model's: CreateModel,
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
        allow_keys(role, "s3:GetObject", bucket=storage.data, folder=PICTURES)
        # SageMaker lists the manifest with this role before it accepts the job.
        allow_listing(role, storage.data, prefix=BATCH_OUTPUT.keys)
        allow_keys(role, "s3:PutObject", bucket=storage.data, folder=BATCH_OUTPUT)
        allow_volumes(role, volume_key(storage.key, settings.batch_transform.instance_type))
        return role

    def _serve(self, config_name: str, role: iam.Role) -> None:
        settings = self._settings
        policy, scaling = settings.endpoint.update_policy, settings.endpoint.autoscaling
        alarms = None
        if policy.rollback_on_alarms:
            alarms = UpdateAlarms(self, settings=settings, config_name=config_name, role=role)
        self.resource = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=settings.endpoint_name,
            endpoint_config_name=config_name,
            deployment_config=deployment_config(policy, alarms) if alarms else None,
            # Otherwise every new model resets the number of instances to where it started.
            retain_all_variant_properties=True if scaling.enabled else None,
        )
        if scaling.enabled:
            EndpointScaling(self, scaling=scaling, endpoint=self.resource)

    def _capture(self) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty:
        capture, key = self._settings.capture, self._storage.key
        return sagemaker.CfnEndpointConfig.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=capture.sampling_percentage,
            destination_s3_uri=self.capture_uri,
            kms_key_id=key.key_arn if key else None,
            capture_options=[
                sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode=side.title())
                for side in capture.mode.split("-and-")
            ],
            # Replies stay as they are; everything else, the pictures, becomes base64.
            capture_content_type_header=(
                sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                    json_content_types=["application/json"]
                )
            ),
        )


class EndpointScaling(Construct):
    """Target tracking by invocations per instance.

    Made of low-level constructs, because the others add a role that is not needed: without one,
    Application Auto Scaling uses the service-linked role of SageMaker endpoints.
    https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-sagemaker.html
    """

    def __init__(
        self, scope: Construct, *, scaling: Autoscaling, endpoint: sagemaker.CfnEndpoint
    ) -> None:
        super().__init__(scope, "Scaling")
        # The reference makes the target wait for the endpoint and for the end of every update,
        # during which the number of instances cannot change.
        target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
            min_capacity=scaling.min_instances,
            max_capacity=scaling.max_instances,
        )
        tracking = autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=scaling.invocations_per_instance,
            predefined_metric_specification=(
                autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                )
            ),
            scale_in_cooldown=SCALE_IN_COOLDOWN_SECONDS,
            scale_out_cooldown=SCALE_OUT_COOLDOWN_SECONDS,
        )
        autoscaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name="invocations-per-instance",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=tracking,
        )
