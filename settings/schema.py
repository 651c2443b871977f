"""What can be set, its default, and what is allowed; each fact once, where it is declared.

The instance families come from the algorithm's documentation ("EC2 instance recommendation"):
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

TRAINING_FAMILIES = ("g4dn", "g5", "p2", "p3")
ENDPOINT_FAMILIES = (*TRAINING_FAMILIES, "c4", "c5", "m4", "m5")
RETIRED_FAMILIES = ("p2", "p3")

# CloudFormation waits one hour for a custom resource. The provider framework gives up before that,
# so that the stack shows our message; the rest of the hour is what its polls themselves take.
TRAINING_LIMIT_MINUTES = 55
# SageMaker needs a few minutes to find an instance before, and to upload the model after, the run.
TRAINING_START_AND_UPLOAD_MINUTES = 10

MODEL_DATA_URL = r"^s3://[a-z0-9][a-z0-9.-]+/.+\.tar\.gz$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
E164 = r"^\+[1-9]\d{6,14}$"
HTTPS_URL = r"^https://[^\s/?#]+\S*$"
QUEUE_ARN = r"^arn:aws(-[a-z]+)*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$"


def is_retired(instance_type: str) -> bool:
    """Whether AWS is retiring the family of this instance type (the students' old choice)."""
    return instance_type.split(".")[1] in RETIRED_FAMILIES


def _instance_type_of(families: tuple[str, ...]) -> AfterValidator:
    def check(instance_type: str) -> str:
        parts = instance_type.split(".")
        if len(parts) != 3 or parts[0] != "ml" or parts[1] not in families:
            usable = ", ".join(f"ml.{family}.*" for family in families)
            raise ValueError(f"the image-classification algorithm cannot use it; allowed: {usable}")
        return instance_type

    return AfterValidator(check)


class _Section(BaseModel):
    # strict: "93" is not a number and 1 is not true; a typing slip should stop the synth.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Dataset(_Section):
    """Which pictures the model learns from."""

    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=100, strict=False)] = (
        "bicycle",
        "motorcycle",
    )
    """CIFAR-100 class names; their order is the order of the model's probabilities."""

    @model_validator(mode="after")
    def _distinct(self) -> "Dataset":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("dataset.classes: a class stands there twice; name each class once")
        return self


class Hyperparameters(_Section):
    """Hyperparameters of the built-in algorithm that do not follow from the data.

    Ranges: https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
    """

    num_layers: Literal[18, 34, 50, 101, 152, 200] = 18
    """Depth of the ResNet. That 32x32 pictures take this set of depths is inferred from the
    algorithm's public source; nobody tried it on AWS yet."""
    epochs: Annotated[int, Field(ge=1)] = 30
    """Passes over the training pictures."""
    mini_batch_size: Annotated[int, Field(ge=1)] = 32
    """Pictures a step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Initial learning rate."""
    optimizer: Literal["sgd", "adam", "rmsprop", "nag"] = "sgd"
    """How the weights are updated."""
    augmentation_type: Literal["crop", "crop_color", "crop_color_transform"] = "crop"
    """Random changes of the training pictures."""


class Training(_Section):
    """The training job."""

    instance_type: Annotated[str, _instance_type_of(TRAINING_FAMILIES)] = "ml.g4dn.xlarge"
    """`ml.g4dn.*`, `ml.g5.*`; `ml.p2.*` and `ml.p3.*` with a warning."""
    instance_count: Annotated[int, Field(ge=1, le=20)] = 1
    """Instances of the training job."""
    volume_size_gb: Annotated[int, Field(ge=1, le=16384)] = 10
    """Disk of each instance."""
    max_runtime_minutes: Annotated[
        int, Field(ge=1, le=TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES)
    ] = 40
    """Longer training does not fit into the hour that CloudFormation gives a custom resource."""
    model_data_url: Annotated[str, Field(pattern=MODEL_DATA_URL)] | None = None
    """S3 URI of a finished model.tar.gz of these classes, deployed instead of training one."""
    hyperparameters: Hyperparameters = Hyperparameters()


class Endpoint(_Section):
    """The endpoint that serves the model."""

    enabled: bool = True
    """false: no endpoint, no cost by the hour; all the rest stays deployed."""
    instance_type: Annotated[str, _instance_type_of(ENDPOINT_FAMILIES)] = "ml.g4dn.xlarge"
    """As for training, and `ml.c4.*`, `ml.c5.*`, `ml.m4.*`, `ml.m5.*`."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of the endpoint; each costs by the hour."""


class Capture(_Section):
    """Data capture of the endpoint."""

    enabled: bool = True
    """Whether requests and replies are captured."""
    sampling_percentage: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests that is captured."""
    expire_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days until S3 deletes a capture."""


class Workflow(_Section):
    """The state machine."""

    confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.93
    """A picture whose best class is below it is rejected."""
    rejection_style: Literal["status", "raise"] = "status"
    """How filter_confidence rejects: it answers 406, or raises ConfidenceThresholdNotMet."""
    on_rejection: Literal["report", "fail"] = "report"
    """What the execution does after the notification: succeed ("report") or fail."""
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] = 40
    """Pictures of one execution that are classified at the same time."""


class Notifications(_Section):
    """Who is told of rejected and failed pictures, of executions that died, and of alarms."""

    topic: Literal["standard", "fifo"] = "standard"
    """A FIFO topic takes SQS queues only; each execution is a message group of its own."""
    emails: Annotated[tuple[Annotated[str, Field(pattern=EMAIL)], ...], Field(strict=False)] = ()
    """E-mail addresses subscribed to the topic; each is asked to confirm."""
    sms: Annotated[tuple[Annotated[str, Field(pattern=E164)], ...], Field(strict=False)] = ()
    """Phone numbers in E.164 form: + and country code, digits only."""
    https: Annotated[tuple[Annotated[str, Field(pattern=HTTPS_URL)], ...], Field(strict=False)] = ()
    """https:// addresses that SNS posts to; each is asked to confirm."""
    sqs: Annotated[tuple[Annotated[str, Field(pattern=QUEUE_ARN)], ...], Field(strict=False)] = ()
    """ARNs of queues; the policy of each must let the topic send (see Notifications)."""

    @model_validator(mode="after")
    def _each_once(self) -> "Notifications":
        for name in ("emails", "sms", "https", "sqs"):
            addresses = getattr(self, name)
            twice = {address for address in addresses if addresses.count(address) > 1}
            if twice:
                raise ValueError(
                    f"notifications.{name}: {', '.join(sorted(twice))} stands there twice; "
                    "name each subscriber once"
                )
        return self

    @model_validator(mode="after")
    def _topic_takes_them(self) -> "Notifications":
        # https://docs.aws.amazon.com/sns/latest/dg/sns-fifo-topics.html
        if self.topic == "fifo":
            for name in ("emails", "sms", "https"):
                if addresses := getattr(self, name):
                    raise ValueError(
                        f"notifications.{name}: a FIFO topic takes SQS queues only; remove "
                        f"{', '.join(addresses)}, or set notifications.topic to 'standard'"
                    )
        elif fifo_queues := [arn for arn in self.sqs if arn.endswith(".fifo")]:
            raise ValueError(
                f"notifications.sqs: {', '.join(fifo_queues)}: a standard topic takes no FIFO "
                "queue; name a standard queue, or set notifications.topic to 'fifo'"
            )
        return self


class Retention(_Section):
    """What stays after `cdk destroy`, and for how long logs are kept."""

    removal: Literal["destroy", "retain"] = "destroy"
    """destroy: buckets are emptied and removed, logs too; retain: both outlive the stacks."""
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
    """As CDK's RetentionDays names it."""


class Settings(_Section):
    """Everything that differs between environments, and the names that follow from it."""

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    dataset: Dataset = Dataset()
    training: Training = Training()
    endpoint: Endpoint = Endpoint()
    capture: Capture = Capture()
    workflow: Workflow = Workflow()
    notifications: Notifications = Notifications()
    retention: Retention = Retention()

    def stack_name(self, stack: str) -> str:
        """Name of the CloudFormation stack, e.g. `Scones-dev-Storage` for `Storage`."""
        return f"Scones-{self.environment}-{stack}"

    @property
    def resource_prefix(self) -> str:
        """Prefix of the few physical names there are: the endpoint and the training jobs."""
        return f"scones-{self.environment}"

    @property
    def endpoint_name(self) -> str:
        """Physical name of the endpoint: the one that clients know."""
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
