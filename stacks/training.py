"""The training job, and the parameters that say which model to serve."""

import aws_cdk as cdk
from constructs import Construct

from settings import Settings
from stacks.constructs.common.conventions import Env, EnvironmentStack, published
from stacks.constructs.common.storage import Storage
from stacks.constructs.training.training_job import TrainingJob


class TrainingStack(EnvironmentStack):
    """Trains whenever the staged dataset or a training setting changes.

    With `training.model_data_url` it trains nothing and publishes that model.
    """

    def __init__(self, scope: Construct, *, settings: Settings, storage: Storage, env: Env) -> None:
        description = "training job of the image classifier"
        super().__init__(
            scope, settings=settings, name="Training", description=description, env=env
        )
        if settings.training.model_data_url:
            model_data_url = settings.training.model_data_url
            classes = settings.dataset.classes_as_text
        else:
            job = self._train(settings, storage)
            model_data_url, classes = job.model_data_url, job.classes
        self._publish("ModelDataUrlParameter", settings.model_data_url_parameter, model_data_url)
        self._publish("ClassesParameter", settings.model_classes_parameter, classes)
        cdk.CfnOutput(self, "ModelDataUrl", value=model_data_url)
        cdk.CfnOutput(self, "Classes", value=classes)

    def _train(self, settings: Settings, storage: Storage) -> TrainingJob:
        # Read at deployment: synth does not depend on staged data.
        dataset = published(self, settings.dataset_parameter)
        job = TrainingJob(self, settings=settings, storage=storage, dataset_prefix=dataset)
        cdk.CfnOutput(self, "DatasetUri", value=storage.data.s3_url_for_object(dataset))
        cdk.CfnOutput(self, "TrainingJobName", value=job.training_job_name)
        cdk.CfnOutput(self, "ValidationAccuracy", value=job.validation_accuracy)
        return job
