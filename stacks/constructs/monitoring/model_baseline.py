"""The replies of the deployed model to the validation pictures, as a resource of the stack."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from settings import Settings
from stacks.constructs.common.conventions import not_empty, published
from stacks.constructs.common.custom_resource_provider import provider
from stacks.constructs.common.grants import (
    allow_endpoint,
    allow_keys,
    allow_listing,
    allow_metrics,
)
from stacks.constructs.common.operational_alarm import any_error
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.storage import Storage, allow_writing
from stacks.s3_layout import BASELINES, DATASETS


class ModelBaseline(Construct):
    """Created again when the model, the pictures, the classes or their shares change.

    lambda_src/drift_detector/baseline_resource.py does it by calling the endpoint, so this stack
    comes after the endpoint's.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: Storage,
        namespace: str,
        layer: lambda_.ILayerVersion,
    ) -> None:
        """`namespace` is that of the metrics; `layer` has Pillow."""
        super().__init__(scope, "ModelBaseline")
        # Read at deployment, so that another model or dataset changes the resource.
        model_data_url = published(self, settings.model_data_url_parameter)
        dataset_prefix = published(self, settings.dataset_parameter)
        function = PythonFunction(
            self,
            "OnEvent",
            settings=settings,
            folder="drift_detector",
            module="baseline_resource",
            handler="on_event",
            layers=[layer],
            timeout=cdk.Duration.minutes(10),
            memory_size=1024,
        )
        actions = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        allow_keys(function, "s3:GetObject", bucket=storage.data, folder=DATASETS)
        allow_keys(function, *actions, bucket=storage.artifacts, folder=BASELINES)
        allow_listing(function, storage.data, storage.artifacts)
        allow_endpoint(function, settings)
        allow_metrics(function, namespace)
        allow_writing(function, storage.key)
        self.alarm = any_error(
            self,
            "Errors",
            function=function,
            description=f"The baseline of the new model of {settings.environment} could not be "
            "created, so the deployment failed; the events of the stack and the log group "
            f"{function.log_group.log_group_name} have the cause. Fix it and deploy again.",
        )
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::ModelBaseline",
            service_token=provider(self, settings=settings, on_event=function).service_token,
            properties={
                "EndpointName": settings.endpoint_name,
                "ModelDataUrl": model_data_url,
                "DataBucket": storage.data.bucket_name,
                "DatasetPrefix": dataset_prefix,
                "ArtifactBucket": storage.artifacts.bucket_name,
                **not_empty(
                    Classes=settings.dataset.classes_in_ascii,
                    ClassShares=[str(share) for share in settings.traffic_shares],
                ),
                "Namespace": namespace,
            },
        )
        # The function's policy must exist before its first call and outlive its last.
        self._resource.node.add_dependency(function)

        self.key = self._resource.get_att_string("Key")
        self.accuracy = self._resource.get_att_string("Accuracy")
