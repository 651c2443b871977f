"""All settings of an environment, and the names that follow from them."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from settings.endpoint import Capture, Endpoint
from settings.hyperparameters import KEY, TRAINING_PICTURES_PER_CLASS
from settings.monitoring import Drift, Monitoring
from settings.notifications import Notifications
from settings.section import Section, Written
from settings.training import Training
from settings.workflow import BatchTransform, Bulk, Workflow

# Joined by commas, they travel in a parameter and in an environment variable of at most 4 KB.
ClassName = Annotated[
    str, Written(r"[a-z]{1,16}(_[a-z]{1,16})?", 'names as CIFAR-100 has them: "pickup_truck"')
]

# The values of tags that all services of the stacks take.
TagValue = Annotated[
    str, Written(r"[\w .:/=+@-]{1,256}", "1 to 256 letters, digits, spaces and _ . : / = + - @")
]


class Dataset(Section):
    """The pictures that the model learns from."""

    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=100, strict=False)] = (
        "bicycle",
        "motorcycle",
    )
    """CIFAR-100 class names; their order is the order of the model's probabilities."""

    @model_validator(mode="after")
    def _distinct(self) -> "Dataset":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("dataset.classes: duplicate class; name each class once")
        return self


class Retention(Section):
    """What `cdk destroy` leaves, and how long logs are kept."""

    removal: Literal["destroy", "retain"] = "destroy"
    """`cdk destroy` removes buckets with their content, and logs ("destroy"), or leaves both
    ("retain")."""
    log_retention: Literal[
        "ONE_DAY",
        "THREE_DAYS",
        "ONE_WEEK",
        "TWO_WEEKS",
        "ONE_MONTH",
        "THREE_MONTHS",
        "SIX_MONTHS",
        "ONE_YEAR",
        "TWO_YEARS",
        "INFINITE",
    ] = "ONE_WEEK"
    """How long logs are kept, by the names of CDK's RetentionDays."""


class Encryption(Section):
    """The key that encrypts stored data."""

    customer_managed_key: bool = False
    """Encrypt buckets, topic, captures and volumes with a KMS key of your account instead of AWS's
    keys."""


class Tags(Section):
    """Tags of every resource, in addition to `environment`."""

    project: TagValue = "scones"
    """Tag `project`."""
    owner: TagValue | None = None
    """Tag `owner`, such as a team's address."""
    cost_centre: TagValue | None = None
    """Tag `cost-centre`."""


class Settings(Section):
    """Everything that differs between environments, and the names that follow from it."""

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    dataset: Dataset = Dataset()
    training: Training = Training()
    endpoint: Endpoint = Endpoint()
    capture: Capture = Capture()
    drift: Drift = Drift()
    workflow: Workflow = Workflow()
    bulk: Bulk = Bulk()
    batch_transform: BatchTransform = BatchTransform()
    notifications: Notifications = Notifications()
    monitoring: Monitoring = Monitoring()
    retention: Retention = Retention()
    encryption: Encryption = Encryption()
    tags: Tags = Tags()

    @model_validator(mode="after")
    def _hyperparameters_fit_the_classes(self) -> Self:
        hyperparameters = self.training.hyperparameters
        classes = len(self.dataset.classes)
        if (hyperparameters.top_k or 0) >= classes:
            raise ValueError(
                f"{KEY}.top_k = {hyperparameters.top_k}: allowed: 2 or more, and below the "
                f"number of dataset.classes, {classes}; lower it or remove it"
            )
        pictures = classes * TRAINING_PICTURES_PER_CLASS
        if hyperparameters.mini_batch_size > pictures:
            raise ValueError(
                f"{KEY}.mini_batch_size = {hyperparameters.mini_batch_size}: allowed: up to "
                f"{pictures}, the training pictures of {classes} classes"
            )
        return self

    @model_validator(mode="after")
    def _class_shares_are_of_the_classes(self) -> Self:
        shares, classes = self.drift.class_shares, self.dataset.classes
        if shares and (len(shares) != len(classes) or not math.isclose(sum(shares), 1)):
            raise ValueError(
                f"drift.class_shares = {list(shares)}: allowed: {len(classes)} shares, one for "
                "each of dataset.classes, whose sum is 1"
            )
        return self

    @property
    def traffic_shares(self) -> tuple[float, ...]:
        """Expected share of each of `dataset.classes` in the traffic."""
        classes = len(self.dataset.classes)
        return self.drift.class_shares or (1 / classes,) * classes

    @property
    def detects_drift(self) -> bool:
        """Tell whether there is a drift detector, which needs captured replies."""
        captures = self.capture.enabled and self.capture.mode != "input"
        return self.drift.enabled and self.endpoint.enabled and captures

    def stack_name(self, stack: str) -> str:
        """Return the name of a CloudFormation stack, such as `Scones-dev-Storage` for `Storage`."""
        return f"Scones-{self.environment}-{stack}"

    @property
    def tags_by_key(self) -> dict[str, str]:
        """Tags of every resource, without those that are not set."""
        tags = {
            "project": self.tags.project,
            "environment": self.environment,
            "owner": self.tags.owner,
            "cost-centre": self.tags.cost_centre,
        }
        return {key: value for key, value in tags.items() if value is not None}

    @property
    def resource_prefix(self) -> str:
        """Prefix of the only physical names: endpoint, training jobs and transform jobs."""
        return f"scones-{self.environment}"

    @property
    def endpoint_name(self) -> str:
        """Physical name of the endpoint, which clients use."""
        return self.resource_prefix

    @property
    def dataset_parameter(self) -> str:
        """SSM parameter that points at the staged dataset; its value is `datasets/<digest>`."""
        return f"/scones/{self.environment}/dataset"

    @property
    def model_data_url_parameter(self) -> str:
        """SSM parameter with the S3 URI of the trained model.tar.gz."""
        return f"/scones/{self.environment}/model/data-url"

    @property
    def model_classes_parameter(self) -> str:
        """SSM parameter with the trained model's class names, in order, joined by commas."""
        return f"/scones/{self.environment}/model/classes"

    @property
    def model_name_parameter(self) -> str:
        """SSM parameter with the name of the SageMaker model."""
        return f"/scones/{self.environment}/model/name"

    @property
    def topic_parameter(self) -> str:
        """SSM parameter with the ARN of the topic."""
        return f"/scones/{self.environment}/topic"

    def bulk_parameter(self, name: str) -> str:
        """SSM parameter with an ARN of bulk classification: "state-machine", or a function's."""
        return f"/scones/{self.environment}/bulk/{name}"
