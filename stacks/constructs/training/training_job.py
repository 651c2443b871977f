"""A SageMaker training job as a resource of the stack.

CloudFormation's own AWS::SageMaker::TrainingJob is newer than the CDK and the cfn-lint of the
requirements. Ours also uses the finished job of the same inputs again, and starts the next attempt
after one that failed.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources
from constructs import Construct

from settings import Settings
from settings.s3_uris import S3Uri
from settings.training import TRAINING_START_AND_UPLOAD_MINUTES
from stacks.constructs.common.algorithm_image import AlgorithmImage
from stacks.constructs.common.custom_resource_provider import provider
from stacks.constructs.common.encryption_key import (
    allow_reading,
    allow_training,
    allow_volumes,
    volume_key,
)
from stacks.constructs.common.grants import allow, allow_listing, service_names
from stacks.constructs.common.operational_alarm import any_error
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.sagemaker_role import SageMakerRole
from stacks.constructs.common.tags import tag_list

DATASETS = "datasets/*"
MODELS = "models"
CHECKPOINTS = "checkpoints"


class TrainingJob(Construct):
    """Runs the built-in image-classification algorithm whenever one of its inputs changes.

    What the resource does on create, update and delete: lambda_src/training_job/handler.py.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        dataset_prefix: str,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
    ) -> None:
        """`dataset_prefix` is `datasets/<digest>` in the data bucket, possibly a token."""
        super().__init__(scope, construct_id)
        self._encryption_key = encryption_key
        self._volume_key = volume_key(encryption_key, settings.training.instance_type)
        image = AlgorithmImage(self, "Image")
        self._role = self._job_role(settings, image, data_bucket, artifact_bucket)
        training = settings.training
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::TrainingJob",
            service_token=self._provider(settings, data_bucket, artifact_bucket).service_token,
            properties={
                "JobNamePrefix": settings.resource_prefix,
                "TrainingImage": image.uri,
                "RoleArn": self._role.role_arn,
                "DataBucket": data_bucket.bucket_name,
                "DatasetPrefix": dataset_prefix,
                "Classes": list(settings.dataset.classes),
                "OutputPath": artifact_bucket.s3_url_for_object(MODELS),
                "InstanceType": training.instance_type,
                "InstanceCount": training.instance_count,
                "VolumeSizeInGB": training.volume_size_gb,
                "MaxRuntimeInSeconds": training.max_runtime_minutes * 60,
                "HyperParameters": training.hyperparameters.as_request(),
                **_optional_properties(settings, artifact_bucket),
                **self._keys(),
                "Tags": tag_list(settings),
            },
        )
        # Without the role's *policy* the first job races IAM and cannot read its data; and the
        # policy must outlive the job on the way down.
        self._resource.node.add_dependency(self._role)

        self.training_job_name = self._resource.get_att_string("TrainingJobName")
        self.model_data_url = self._resource.get_att_string("ModelDataUrl")
        self.validation_accuracy = self._resource.get_att_string("ValidationAccuracy")
        self.classes = self._resource.get_att_string("Classes")

    def _job_role(
        self,
        settings: Settings,
        image: AlgorithmImage,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
    ) -> iam.Role:
        role = SageMakerRole(
            self, "JobRole", image=image, log_group_names=["/aws/sagemaker/TrainingJobs"]
        )
        allow(
            role,
            "s3:GetObject",
            on=data_bucket.arn_for_objects(DATASETS),
            why_wildcard="Which dataset is staged is known at deployment only.",
        )
        allow(role, "s3:ListBucket", on=data_bucket.bucket_arn)
        allow(
            role,
            "s3:PutObject",
            on=artifact_bucket.arn_for_objects(f"{MODELS}/*"),
            why_wildcard="Each training job has a folder of its own below models/.",
        )
        if settings.training.spot.enabled:
            self._allow_checkpoints(role, artifact_bucket)
        if settings.training.initial_model_data_url:
            self._allow_initial_model(role, settings.training.initial_model_data_url)
        allow_training(role, self._encryption_key)
        allow_volumes(role, self._volume_key)
        return role

    def _keys(self) -> dict[str, str]:
        # Checkpoints have no such parameter: they get the key of their bucket.
        keys = {"OutputKmsKeyId": self._encryption_key, "VolumeKmsKeyId": self._volume_key}
        return {name: key.key_arn for name, key in keys.items() if key}

    def _allow_checkpoints(self, role: iam.Role, artifact_bucket: s3.IBucket) -> None:
        allow(
            role,
            "s3:GetObject",
            "s3:PutObject",
            on=artifact_bucket.arn_for_objects(f"{CHECKPOINTS}/*"),
            why_wildcard="Each training job has a folder of its own below checkpoints/.",
        )
        allow_listing(role, artifact_bucket.bucket_arn, f"{CHECKPOINTS}/*")

    def _allow_initial_model(self, role: iam.Role, url: str) -> None:
        uri = S3Uri.parse_object(url)
        arn = cdk.Stack.of(self).format_arn(
            service="s3", region="", account="", resource=uri.bucket
        )
        allow(role, "s3:GetObject", on=f"{arn}/{uri.key}")
        allow_listing(role, arn, uri.key)

    def _provider(
        self, settings: Settings, data_bucket: s3.IBucket, artifact_bucket: s3.IBucket
    ) -> custom_resources.Provider:
        functions = [
            PythonFunction(
                self,
                construct_id,
                settings=settings,
                folder="training_job",
                handler=handler,
                # A minute for IAM to settle, IAM_SECONDS of the handler, and one for the calls.
                timeout=cdk.Duration.minutes(2),
            )
            for construct_id, handler in (("OnEvent", "on_event"), ("IsComplete", "is_complete"))
        ]
        on_event, is_complete = functions
        jobs = cdk.Stack.of(self).format_arn(
            service="sagemaker",
            resource="training-job",
            resource_name=f"{settings.resource_prefix}-*",
        )
        any_job = "A job's name ends in the hash of its inputs, known at deployment only."
        for function in functions:
            any_error(
                function,
                "Errors",
                function=function,
                description=(
                    f"Scones {settings.environment}: the training job failed, or what starts and "
                    "awaits it did; the events of the stack and the function's log say why."
                ),
            )
            allow(function, "sagemaker:DescribeTrainingJob", on=jobs, why_wildcard=any_job)
            allow(
                function,
                "s3:GetObject",
                on=data_bucket.arn_for_objects(f"{DATASETS}/manifest.json"),
                why_wildcard="Which dataset is staged is known at deployment only.",
            )
            # Lets S3 answer 404 instead of 403 for what is not there.
            allow(function, "s3:ListBucket", on=data_bucket.bucket_arn)
            allow_reading(function, self._encryption_key)
            allow(
                function,
                "sagemaker:CreateTrainingJob",
                "sagemaker:AddTags",
                on=jobs,
                why_wildcard=any_job,
            )
            allow(
                function,
                "iam:PassRole",
                on=self._role.role_arn,
                conditions={"StringEquals": {"iam:PassedToService": service_names("sagemaker")}},
            )
        allow(is_complete, "sagemaker:StopTrainingJob", on=jobs, why_wildcard=any_job)
        allow(
            on_event,
            "s3:GetObject",
            on=artifact_bucket.arn_for_objects(f"{MODELS}/*"),
            why_wildcard="It looks for the model of any earlier job, to use it again.",
        )
        allow(on_event, "s3:ListBucket", on=artifact_bucket.bucket_arn)
        limit = _longest_job_minutes(settings) + TRAINING_START_AND_UPLOAD_MINUTES
        return provider(
            self,
            settings=settings,
            on_event=on_event,
            is_complete=is_complete,
            # Two calls to Lambda each time, for up to an hour.
            query_interval=cdk.Duration.seconds(20),
            total_timeout=cdk.Duration.minutes(limit),
        )


def _optional_properties(settings: Settings, artifact_bucket: s3.IBucket) -> dict[str, Any]:
    training = settings.training
    properties: dict[str, Any] = {}
    if training.spot.enabled:
        properties["Spot"] = {
            "MaxWaitInSeconds": training.spot.max_wait_minutes * 60,
            "CheckpointPath": artifact_bucket.s3_url_for_object(CHECKPOINTS),
        }
    if training.initial_model_data_url:
        properties["InitialModelDataUrl"] = training.initial_model_data_url
    return properties


def _longest_job_minutes(settings: Settings) -> int:
    training = settings.training
    return training.spot.max_wait_minutes if training.spot.enabled else training.max_runtime_minutes
