"""All settings of an environment, and the names that follow from them."""

import math
import re
import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lambda_src.shared import class_names
from settings.endpoint import Capture, Endpoint
from settings.hyperparameters import KEY
from settings.monitoring import Drift, Monitoring
from settings.notifications import Notifications
from settings.section import Section, Written
from settings.training import Training
from settings.workflow import BatchTransform, Bulk, Workflow


def _composed(name: str) -> str:
    """Return one of two ways to write accents, as `training.names` does."""
    return unicodedata.normalize("NFC", name)


ClassName = Annotated[
    str, AfterValidator(_composed), Written(class_names.NAME, class_names.ALLOWED)
]

CIFAR_SIDE = 32
"""Pixels of CIFAR-100's pictures, and of drawn ones: https://www.cs.toronto.edu/~kriz/cifar.html"""

# The values of tags that all services of the stacks take.
TagValue = Annotated[
    str, Written(r"[\w .:/=+@-]{1,256}", "1 to 256 letters, digits, spaces and _ . : / = + - @")
]


class Dataset(Section):
    """The pictures that the model learns from."""

    source: Literal["cifar-100", "drawn", "folder", "manifest"] = "cifar-100"
    """CIFAR-100's archive, drawn stand-ins, a folder with one sub-folder for each class, or a list
    of pictures (docs/pictures.md)."""
    pictures: (
        Annotated[str, Field(min_length=1, examples=["pictures", "s3://bucket/pictures"])] | None
    ) = None
    """The folder or list: a path from where you run the command, or `s3://...`. `scones stage
    --pictures` names another."""
    classes: Annotated[
        tuple[ClassName, ...], Field(min_length=2, max_length=class_names.MOST, strict=False)
    ] = ()
    """Class names; their order is the order of the model's probabilities. Default: `bicycle` and
    `motorcycle` for "cifar-100" and "drawn"; for others all classes of the pictures,
    alphabetically."""
    side: Annotated[int, Field(ge=32, le=1024)] | None = None
    """Pixels of width and height to which "folder" and "manifest" make every picture uniform.
    Default: `training.hyperparameters.resize`, or else the longer side of its `image_shape`."""
    validation_percent: Annotated[int, Field(ge=1, le=50)] = 20
    """Share of the pictures that validate the model, where the source does not say which."""
    group_pattern: Annotated[str, Field(examples=["(.*)_frame"])] | None = None
    """Regular expression: pictures whose paths have the same match (its first group, if it has
    one) stay together in training or validation, such as `"(.*)_frame"` for frames of a video."""
    max_refused_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Staging stops if it refuses a larger share of the pictures."""

    @model_validator(mode="before")
    @classmethod
    def _classes_of_cifar(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "classes" in values:
            return values
        if values.get("source", "cifar-100") not in ("cifar-100", "drawn"):
            return values
        return {**values, "classes": ["bicycle", "motorcycle"]}

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("dataset.classes: duplicate class; name each class once")
        if (size := len(class_names.encode(self.classes))) > class_names.MAX_BYTES:
            raise ValueError(
                f"dataset.classes: the names take {size:,} bytes; allowed: "
                f"{class_names.MAX_BYTES:,}; shorten them"
            )
        for name in ("pictures", "side"):
            if not self.own_pictures and getattr(self, name) is not None:
                raise ValueError(
                    f"dataset.{name} = {getattr(self, name)!r}: it has no effect with "
                    f'dataset.source = {self.source!r}; remove it, or set source = "folder" or '
                    '"manifest"'
                )
        try:
            re.compile(self.group_pattern or "")
        except re.error as error:
            raise ValueError(
                f"dataset.group_pattern = {self.group_pattern!r}: not a regular expression: "
                f"{error}; allowed: those of Python's re"
            ) from error
        return self

    @property
    def classes_in_ascii(self) -> list[str]:
        """The class names as templates hold them."""
        return [class_names.in_ascii(name) for name in self.classes]

    @property
    def classes_as_text(self) -> str:
        """The class names as parameters and outputs hold them."""
        return class_names.encode(self.classes)

    @property
    def own_pictures(self) -> bool:
        """Tell whether the pictures are the user's own, and not CIFAR-100's or drawn ones."""
        return self.source in ("folder", "manifest")


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
    def _hyperparameters_fit_the_pictures(self) -> Self:
        hyperparameters, classes = self.training.hyperparameters, len(self.dataset.classes)
        if classes and (hyperparameters.top_k or 0) >= classes:
            raise ValueError(
                f"{KEY}.top_k = {hyperparameters.top_k}: allowed: 2 or more, and below the "
                f"number of dataset.classes, {classes}; lower it or remove it"
            )
        longest = max(hyperparameters.input_size)
        if hyperparameters.resize is None and longest > self.picture_side:
            raise ValueError(
                f"{KEY}.resize = None: pictures are {self.picture_side}x{self.picture_side}; "
                f"allowed with image_shape = {hyperparameters.image_shape!r}: {longest} or more"
            )
        return self

    @property
    def picture_side(self) -> int:
        """Pixels of width and height of every staged picture."""
        if not self.dataset.own_pictures:
            return CIFAR_SIDE
        hyperparameters = self.training.hyperparameters
        return self.dataset.side or hyperparameters.resize or max(hyperparameters.input_size)

    @model_validator(mode="after")
    def _a_given_model_has_known_classes(self) -> Self:
        if self.training.model_data_url and not self.dataset.classes:
            raise ValueError(
                f"training.model_data_url = {self.training.model_data_url!r}: a model does not say "
                "which classes its probabilities belong to; list dataset.classes as well"
            )
        return self

    @model_validator(mode="after")
    def _class_shares_are_of_the_classes(self) -> Self:
        shares, classes = self.drift.class_shares, self.dataset.classes
        if shares and not classes:
            raise ValueError(
                f"drift.class_shares = {list(shares)}: they belong to classes in a known order; "
                "list dataset.classes as well"
            )
        if shares and (len(shares) != len(classes) or not math.isclose(sum(shares), 1)):
            raise ValueError(
                f"drift.class_shares = {list(shares)}: allowed: {len(classes)} shares, one for "
                "each of dataset.classes, whose sum is 1"
            )
        return self

    @property
    def traffic_shares(self) -> tuple[float, ...]:
        """Expected share of each of `dataset.classes` in the traffic.

        Empty: those of the validation pictures, which nothing knows before they are staged.
        """
        if self.drift.class_shares or self.dataset.own_pictures:
            return self.drift.class_shares
        classes = len(self.dataset.classes)
        return (1 / classes,) * classes

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
        """SSM parameter with the trained model's class names, in order, as `class_names.encode`."""
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
