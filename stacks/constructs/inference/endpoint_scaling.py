"""Autoscaling of the endpoint by the requests that each instance gets."""

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.endpoint import Autoscaling
from stacks.constructs.inference.endpoint_metrics import VARIANT

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
# More instances fast, fewer slowly.
SCALE_OUT_COOLDOWN_SECONDS, SCALE_IN_COOLDOWN_SECONDS = 60, 300


class EndpointScaling(Construct):
    """Target tracking by invocations per instance.

    Made of low-level constructs, because the others add a role that is not needed: without one,
    Application Auto Scaling uses the service-linked role of SageMaker endpoints.
    https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-sagemaker.html
    """

    def __init__(
        self, scope: Construct, scaling: Autoscaling, endpoint: sagemaker.CfnEndpoint
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
