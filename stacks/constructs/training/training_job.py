"""A SageMaker training job as a resource of the stack.

AWS::SageMaker::TrainingJob is newer than the CDK and cfn-lint of the requirements. Ours also reuses
the finished job of the same inputs, and starts a new attempt after one that failed.
"""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import custom_resources
from constructs import Construct

from settings import Settings
from settings.s3_uris import S3Uri
from settings.training import TRAINING_START_AND_UPLOAD_MINUTES, VOLUME_SIZE_GB
from stacks.constructs.common.algorithm_image import AlgorithmImage
from stacks.constructs.common.conventions import not_empty, tag_list
from stacks.constructs.common.custom_resource_provider import provider
from stacks.constructs.common.grants import (
    allow,
    allow_keys,
    allow_listing,
    arn,
    s3_arn,
    service_names,
)
from stacks.constructs.common.operational_alarm import any_error
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.sagemaker_role import SageMakerRole
from stacks.constructs.common.storage import (
    Storage,
    allow_reading,
    allow_training,
    allow_volumes,
    allow_writing,
    volume_key,
)
from stacks.s3_layout import CHECKPOINTS, DATASETS, MODELS

# lambda_src/training_job/balanced_list.py
BALANCED_LIST = "train-balanced.lst"


class TrainingJob(Construct):
    """Runs the built-in image-classification algorithm whenever one of its inputs changes.

    lambda_src/training_job/handler.py has what it does on create, update and delete.
    """

    def __init__(
        self, scope: Construct, *, settings: Settings, storage: Storage, dataset_prefix: str
    ) -> None:
        """`dataset_prefix` is `datasets/<digest>` in the data bucket, possibly a token."""
        super().__init__(scope, "TrainingJob")
        self._settings, self._storage = settings, storage
        training = settings.training
        self._volume_key = volume_key(storage.key, training.instance_type)
        image = AlgorithmImage(self, "Image")
        self._role = self._job_role(image)
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::TrainingJob",
            service_token=self._provider().service_token,
            properties={
                "JobNamePrefix": settings.resource_prefix,
                "TrainingImage": image.uri,
                "RoleArn": self._role.role_arn,
                "DataBucket": storage.data.bucket_name,
                "DatasetPrefix": dataset_prefix,
                **not_empty(Classes=settings.dataset.classes_in_ascii),
                "OutputPath": storage.artifacts.s3_url_for_object(MODELS.path),
                "InstanceType": training.instance_type,
                "InstanceCount": training.instance_count,
                "VolumeSizeInGB": VOLUME_SIZE_GB,
                "MaxRuntimeInSeconds": training.max_runtime_minutes * 60,
                "HyperParameters": training.hyperparameters.as_request(),
                **self._optional_properties(),
                "Tags": tag_list(settings),
            },
        )
        # Without the role's *policy* the first job races IAM and cannot read its data; on deletion,
        # the policy must outlive the job.
        self._resource.node.add_dependency(self._role)

        self.training_job_name = self._resource.get_att_string("TrainingJobName")
        self.model_data_url = self._resource.get_att_string("ModelDataUrl")
        self.validation_accuracy = self._resource.get_att_string("ValidationAccuracy")
        self.classes = self._resource.get_att_string("Classes")

    def _job_role(self, image: AlgorithmImage) -> iam.Role:
        storage, training = self._storage, self._settings.training
        role = SageMakerRole(
            self, "JobRole", image=image, log_group_names=["/aws/sagemaker/TrainingJobs"]
        )
        allow_keys(role, "s3:GetObject", bucket=storage.data, folder=DATASETS)
        allow_listing(role, storage.data)
        allow_keys(role, "s3:PutObject", bucket=storage.artifacts, folder=MODELS)
        if training.spot.enabled:
            actions = ("s3:GetObject", "s3:PutObject")
            allow_keys(role, *actions, bucket=storage.artifacts, folder=CHECKPOINTS)
            allow_listing(role, storage.artifacts, prefix=CHECKPOINTS.keys)
        if training.initial_model_data_url:
            uri = S3Uri.parse_object(training.initial_model_data_url)
            allow(role, "s3:GetObject", on=s3_arn(self, uri.bucket, uri.key))
            allow_listing(role, s3_arn(self, uri.bucket), prefix=uri.key)
        allow_training(role, storage.key)
        allow_volumes(role, self._volume_key)
        return role

    def _optional_properties(self) -> dict[str, Any]:
        storage, training = self._storage, self._settings.training
        # Checkpoints have no such parameter: they get the key of their bucket.
        keys = {"OutputKmsKeyId": storage.key, "VolumeKmsKeyId": self._volume_key}
        properties: dict[str, Any] = {name: key.key_arn for name, key in keys.items() if key}
        if training.spot.enabled:
            properties["Spot"] = {
                "MaxWaitInSeconds": training.spot.max_wait_minutes * 60,
                "CheckpointPath": storage.artifacts.s3_url_for_object(CHECKPOINTS.path),
            }
        if training.initial_model_data_url:
            properties["InitialModelDataUrl"] = training.initial_model_data_url
        if training.class_weights != "none":
            properties["ClassWeights"] = training.class_weights
        return properties

    def _provider(self) -> custom_resources.Provider:
        settings, storage = self._settings, self._storage
        functions = [
            PythonFunction(
                self,
                construct_id,
                settings=settings,
                folder="training_job",
                handler=handler,
                # A minute for IAM to propagate, IAM_SECONDS of the handler, and one for the calls.
                timeout=cdk.Duration.minutes(2),
            )
            for construct_id, handler in (("OnEvent", "on_event"), ("IsComplete", "is_complete"))
        ]
        on_event, is_complete = functions
        jobs = arn(self, "sagemaker", f"training-job/{settings.resource_prefix}-*")
        any_job = "A job's name ends in the hash of its inputs, only known at deployment."
        for function in functions:
            any_error(
                function,
                "Errors",
                function=function,
                description=f"Scones {settings.environment}: the training job failed, or the "
                "function that starts and awaits it; the events of the stack and the function's "
                "log have the cause.",
            )
            allow(function, "sagemaker:DescribeTrainingJob", on=jobs, why_wildcard=any_job)
            allow_keys(
                function,
                "s3:GetObject",
                bucket=storage.data,
                folder=DATASETS,
                name="/manifest.json",
            )
            allow_listing(function, storage.data)
            if settings.training.class_weights == "balanced":
                self._allow_balanced_list(function)
            else:
                allow_reading(function, storage.key)
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
        # It looks for the model of an earlier job, to use it again.
        allow_keys(on_event, "s3:GetObject", bucket=storage.artifacts, folder=MODELS)
        allow_listing(on_event, storage.artifacts)
        training = settings.training
        limit = training.max_runtime_minutes
        if training.spot.enabled:
            limit = training.spot.max_wait_minutes
        return provider(
            self,
            settings=settings,
            on_event=on_event,
            is_complete=is_complete,
            # Two calls to Lambda each time, for up to an hour.
            query_interval=cdk.Duration.seconds(20),
            total_timeout=cdk.Duration.minutes(limit + TRAINING_START_AND_UPLOAD_MINUTES),
        )

    def _allow_balanced_list(self, function: PythonFunction) -> None:
        data, key = self._storage.data, self._storage.key
        for action, name in (("s3:GetObject", "/train.lst"), ("s3:PutObject", f"/{BALANCED_LIST}")):
            allow_keys(function, action, bucket=data, folder=DATASETS, name=name)
        allow_writing(function, key)
