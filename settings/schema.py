"""What can be set, its default, and what is allowed; each fact once, where it is declared.

The instance families come from the algorithm's documentation ("EC2 instance recommendation"):
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from settings.hyperparameters import KEY, PRESETS, TRAINING_PICTURES_PER_CLASS, Hyperparameters
from settings.section import Section

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
# What every service that the stacks use takes as the value of a tag.
TAG_CHARACTERS = r"^[\w .:/=+@-]+$"

# The alarms of an update look at this many minutes; a shorter wait would end before they rise.
ALARM_MINUTES = 3


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


class Dataset(Section):
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


class Spot(Section):
    """Managed spot training: spare instances, cheaper, which AWS may take back at any time."""

    enabled: bool = False
    """Train on spot instances, with checkpoints in the artifact bucket."""
    max_wait_minutes: Annotated[
        int, Field(ge=1, le=TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES)
    ] = TRAINING_LIMIT_MINUTES - TRAINING_START_AND_UPLOAD_MINUTES
    """Waiting for instances and training together; at least `training.max_runtime_minutes`."""


class Training(Section):
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
    initial_model_data_url: Annotated[str, Field(pattern=MODEL_DATA_URL)] | None = None
    """S3 URI of a model.tar.gz that training starts from (the `model` channel): one of the built-in
    algorithm, with the same classes, `num_layers` and `image_shape`, in the stack's region."""
    preset: Literal["small-from-scratch", "pretrained"] = "small-from-scratch"
    """Hyperparameters to start from; those that are set below override it."""
    spot: Spot = Spot()
    hyperparameters: Hyperparameters = Hyperparameters()

    @model_validator(mode="before")
    @classmethod
    def _hyperparameters_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values  # for pydantic to refuse, as what is left alone below
        preset, given = values.get("preset"), values.get("hyperparameters", {})
        if not isinstance(preset, str) or preset not in PRESETS or not isinstance(given, dict):
            return values
        return {**values, "hyperparameters": {**PRESETS[preset], **given}}

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.model_data_url and self.initial_model_data_url:
            raise ValueError(
                f"training.initial_model_data_url = {self.initial_model_data_url!r}: nothing is "
                "trained with training.model_data_url; remove one of the two"
            )
        if self.spot.enabled and self.spot.max_wait_minutes < self.max_runtime_minutes:
            raise ValueError(
                f"training.spot.max_wait_minutes = {self.spot.max_wait_minutes}: allowed: "
                f"training.max_runtime_minutes = {self.max_runtime_minutes} or more"
            )
        if self.hyperparameters.kv_store and self.instance_count == 1:
            raise ValueError(
                f"{KEY}.kv_store = {self.hyperparameters.kv_store!r}: it has no effect with "
                "training.instance_count = 1; remove it, or use more instances"
            )
        return self


class Autoscaling(Section):
    """Scaling of the endpoint by the requests that each instance gets."""

    enabled: bool = False
    """Whether the number of instances follows the load; `instance_count` is where it starts."""
    min_instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Never fewer instances; each costs by the hour."""
    max_instances: Annotated[int, Field(ge=1, le=100)] = 4
    """Never more instances."""
    invocations_per_instance: Annotated[int, Field(ge=1)] = 600
    """Requests a minute that each instance is to get: about 70% of what it can stand."""
    scale_in_cooldown_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Pause after instances were removed."""
    scale_out_cooldown_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Pause after instances were added."""


class UpdatePolicy(Section):
    """How the endpoint moves to another model, and what makes it go back.

    Bounds: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html
    and API_TrafficRoutingConfig.html beside it.
    """

    type: Literal["all-at-once", "canary", "linear"] = "all-at-once"
    """How traffic moves to the new instances: in one step, in two, or in equal steps."""
    rollback_on_alarms: bool = False
    """Whether an alarm on the new instances brings the old ones back; the keys below only matter
    with it. `canary` and `linear` need it."""
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 50
    """First step of `canary`, in percent of the instances; the second is the rest."""
    linear_step_percent: Annotated[int, Field(ge=10, le=50)] = 50
    """Each step of `linear`, in percent of the instances."""
    wait_interval_seconds: Annotated[int, Field(ge=ALARM_MINUTES * 60, le=3600)] = 300
    """Between two steps; the alarms look at three minutes."""
    termination_wait_seconds: Annotated[int, Field(ge=ALARM_MINUTES * 60, le=3600)] = 300
    """After the last step, before the old instances end."""
    max_execution_seconds: Annotated[int, Field(ge=600, le=28800)] = 3600
    """An update that takes longer is rolled back."""
    max_5xx_percent: Annotated[float, Field(gt=0, le=100)] = 5
    """Alarm: more of the new instances' replies are errors of the model or of SageMaker."""
    max_latency_ms: Annotated[int, Field(ge=1, le=60000)] = 1000
    """Alarm: one of 20 replies of the new model takes longer."""

    @model_validator(mode="after")
    def _watched(self) -> "UpdatePolicy":
        if self.type != "all-at-once" and not self.rollback_on_alarms:
            raise ValueError(
                f"endpoint.update_policy.type = {self.type!r} without alarms finds no fault; "
                "set endpoint.update_policy.rollback_on_alarms = true"
            )
        return self

    @model_validator(mode="after")
    def _waits_end_in_time(self) -> "UpdatePolicy":
        steps = {"all-at-once": 1, "canary": 2, "linear": math.ceil(100 / self.linear_step_percent)}
        waits = (steps[self.type] - 1) * self.wait_interval_seconds + self.termination_wait_seconds
        if self.rollback_on_alarms and waits >= self.max_execution_seconds:
            raise ValueError(
                f"endpoint.update_policy waits {waits} s in all, which does not fit into "
                f"max_execution_seconds = {self.max_execution_seconds}; set that higher "
                "(at most 28800), or fewer steps or shorter waits"
            )
        return self


class Endpoint(Section):
    """The endpoint that serves the model."""

    enabled: bool = True
    """false: no endpoint, no cost by the hour; all the rest stays deployed."""
    instance_type: Annotated[str, _instance_type_of(ENDPOINT_FAMILIES)] = "ml.g4dn.xlarge"
    """As for training, and `ml.c4.*`, `ml.c5.*`, `ml.m4.*`, `ml.m5.*`."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of the endpoint; each costs by the hour."""
    autoscaling: Autoscaling = Autoscaling()
    update_policy: UpdatePolicy = UpdatePolicy()

    @model_validator(mode="after")
    def _starts_within_the_bounds(self) -> "Endpoint":
        scaling = self.autoscaling
        if scaling.enabled and not (
            scaling.min_instances <= self.instance_count <= scaling.max_instances
        ):
            raise ValueError(
                f"endpoint.instance_count = {self.instance_count} is not between "
                f"endpoint.autoscaling.min_instances = {scaling.min_instances} and "
                f"max_instances = {scaling.max_instances}; set it to the number to start with"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_whole_instances(self) -> "Endpoint":
        # What SageMaker makes of less than one instance is not documented.
        policy = self.update_policy
        if policy.type == "all-at-once":
            return self
        size_key = {"canary": "canary_percent", "linear": "linear_step_percent"}[policy.type]
        size: int = getattr(policy, size_key)
        scales = self.autoscaling.enabled
        fewest_key = "autoscaling.min_instances" if scales else "instance_count"
        fewest = self.autoscaling.min_instances if scales else self.instance_count
        if fewest * size < 100:
            larger = f"{size_key} to at least {math.ceil(100 / fewest)}, or " if fewest > 1 else ""
            raise ValueError(
                f"endpoint.update_policy.type = {policy.type!r} with {size_key} = {size} and "
                f"endpoint.{fewest_key} = {fewest} would move less than one instance; set "
                f"endpoint.{fewest_key} to at least {math.ceil(100 / size)}, or {larger}"
                "type to 'all-at-once'"
            )
        return self


class Capture(Section):
    """Data capture of the endpoint."""

    enabled: bool = True
    """Whether requests and replies are captured."""
    sampling_percentage: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests that is captured."""
    expire_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days until S3 deletes a capture."""


class Workflow(Section):
    """The state machine."""

    confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.93
    """A picture whose best class is below it is rejected."""
    rejection_style: Literal["status", "raise"] = "status"
    """How filter_confidence rejects: it answers 406, or raises ConfidenceThresholdNotMet."""
    on_rejection: Literal["report", "fail"] = "report"
    """What the execution does after the notification: succeed ("report") or fail."""
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] = 40
    """Pictures of one execution that are classified at the same time."""


class Notifications(Section):
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


class Retention(Section):
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


TagValue = Annotated[str, Field(pattern=TAG_CHARACTERS, max_length=256)]


class Tags(Section):
    """Tags of every resource, beside `environment`."""

    project: TagValue = "scones"
    """Tag `project`."""
    owner: TagValue | None = None
    """Tag `owner`, e.g. a team's address."""
    cost_centre: TagValue | None = None
    """Tag `cost-centre`."""


class Settings(Section):
    """Everything that differs between environments, and the names that follow from it."""

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    dataset: Dataset = Dataset()
    training: Training = Training()
    endpoint: Endpoint = Endpoint()
    capture: Capture = Capture()
    workflow: Workflow = Workflow()
    notifications: Notifications = Notifications()
    retention: Retention = Retention()
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

    def stack_name(self, stack: str) -> str:
        """Name of the CloudFormation stack, e.g. `Scones-dev-Storage` for `Storage`."""
        return f"Scones-{self.environment}-{stack}"

    @property
    def tags_by_key(self) -> dict[str, str]:
        """Tags of every resource; those that are not set are left out."""
        tags = {
            "project": self.tags.project,
            "environment": self.environment,
            "owner": self.tags.owner,
            "cost-centre": self.tags.cost_centre,
        }
        return {key: value for key, value in tags.items() if value is not None}

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
