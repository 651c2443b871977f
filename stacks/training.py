"""The training job, and where its model is to be found."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.training.training_job import TrainingJob


class TrainingStack(cdk.Stack):
    """Trains whenever the staged dataset or a training setting changes.

    With `training.model_data_url` it trains nothing, and publishes that model instead.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: training job of the image classifier",
        )
        if settings.training.model_data_url:
            model_data_url = settings.training.model_data_url
            classes = ",".join(settings.dataset.classes)
        else:
            job = self._train(settings, data_bucket, artifact_bucket, encryption_key)
            model_data_url, classes = job.model_data_url, job.classes
        self._publish("ModelDataUrlParameter", settings.model_data_url_parameter, model_data_url)
        self._publish("ClassesParameter", settings.model_classes_parameter, classes)
        cdk.CfnOutput(self, "ModelDataUrl", value=model_data_url)
        cdk.CfnOutput(self, "Classes", value=classes)

    def _train(
        self,
        settings: Settings,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
    ) -> TrainingJob:
        # A CloudFormation parameter, read at deploy: synth does not depend on staged data.
        dataset_prefix = ssm.StringParameter.value_for_string_parameter(
            self, settings.dataset_parameter
        )
        job = TrainingJob(
            self,
            "TrainingJob",
            settings=settings,
            dataset_prefix=dataset_prefix,
            data_bucket=data_bucket,
            artifact_bucket=artifact_bucket,
            encryption_key=encryption_key,
        )
        cdk.CfnOutput(self, "DatasetUri", value=data_bucket.s3_url_for_object(dataset_prefix))
        cdk.CfnOutput(self, "TrainingJobName", value=job.training_job_name)
        cdk.CfnOutput(self, "ValidationAccuracy", value=job.validation_accuracy)
        return job

    def _publish(self, construct_id: str, parameter_name: str, value: str) -> None:
        ssm.StringParameter(self, construct_id, parameter_name=parameter_name, string_value=value)
