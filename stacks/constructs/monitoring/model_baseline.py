"""What the deployed model does with the validation pictures, as a resource of the stack."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings
from stacks.constructs.common.custom_resource_provider import provider
from stacks.constructs.common.encryption_key import allow_writing
from stacks.constructs.common.grants import allow
from stacks.constructs.common.operational_alarm import any_error
from stacks.constructs.common.python_function import PythonFunction

BASELINES = "baselines/*"
DATASETS = "datasets/*"


class ModelBaseline(Construct):
    """Made anew when the model, the pictures, the classes or their shares change.

    How: lambda_src/drift_detector/baseline_resource.py. It calls the endpoint, so the stack has to
    come after that of the endpoint.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        model_data_url: str,
        dataset_prefix: str,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        namespace: str,
    ) -> None:
        """`model_data_url` and `dataset_prefix` may be tokens; `namespace` is of the metrics."""
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "OnEvent",
            settings=settings,
            folder="drift_detector",
            module="baseline_resource",
            handler="on_event",
            timeout=cdk.Duration.minutes(10),
            memory_size=1024,
        )
        self._allow(function, settings, data_bucket, artifact_bucket, namespace)
        allow_writing(function, encryption_key)
        self.alarm = any_error(
            self,
            "Errors",
            function=function,
            description=(
                f"The baseline of the new model of {settings.environment} was not made, so the "
                "deployment failed; the events of the stack and the log group "
                f"{function.log_group.log_group_name} say why. Mend that, and deploy again."
            ),
        )
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::ModelBaseline",
            service_token=provider(self, settings=settings, on_event=function).service_token,
            properties={
                "EndpointName": settings.endpoint_name,
                "ModelDataUrl": model_data_url,
                "DataBucket": data_bucket.bucket_name,
                "DatasetPrefix": dataset_prefix,
                "ArtifactBucket": artifact_bucket.bucket_name,
                "Classes": list(settings.dataset.classes),
                "ClassShares": [str(share) for share in settings.traffic_shares],
                "Namespace": namespace,
            },
        )
        # What the function may do must be there before it is called, and outlive its last call.
        self._resource.node.add_dependency(function)

        self.key = self._resource.get_att_string("Key")
        self.accuracy = self._resource.get_att_string("Accuracy")

    def _allow(
        self,
        function: PythonFunction,
        settings: Settings,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        namespace: str,
    ) -> None:
        allow(
            function,
            "s3:GetObject",
            on=data_bucket.arn_for_objects(DATASETS),
            why_wildcard="Which dataset is staged is known at deployment only.",
        )
        allow(
            function,
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            on=artifact_bucket.arn_for_objects(BASELINES),
            why_wildcard="A baseline is named by the hash of its inputs.",
        )
        for bucket in (data_bucket, artifact_bucket):
            # Lets S3 answer 404 instead of 403 for what is not there.
            allow(function, "s3:ListBucket", on=bucket.bucket_arn)
        endpoint_arn = cdk.Stack.of(self).format_arn(
            service="sagemaker", resource="endpoint", resource_name=settings.endpoint_name
        )
        allow(function, "sagemaker:InvokeEndpoint", on=endpoint_arn)
        allow_publishing_metrics(function, namespace)


def allow_publishing_metrics(grantee: iam.IGrantable, namespace: str) -> None:
    """Lets the role publish metrics of one namespace."""
    allow(
        grantee,
        "cloudwatch:PutMetricData",
        on="*",
        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
        why_wildcard="cloudwatch:PutMetricData knows no resources; the namespace narrows it.",
    )
