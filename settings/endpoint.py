"""The endpoint: instances, scaling, how it moves to another model, and what it captures."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from settings.instances import EndpointInstanceType
from settings.section import Section

# The alarms of an update look at this many minutes; a shorter wait would end before they rise.
ALARM_MINUTES = 3


class Autoscaling(Section):
    """Scaling of the endpoint by the requests that each instance gets."""

    enabled: bool = False
    """Whether the number of instances follows the load; `instance_count` is where it starts."""
    min_instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Never fewer instances; each costs by the hour."""
    max_instances: Annotated[int, Field(ge=1, le=100)] = 4
    """Never more instances."""
    invocations_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] = 600
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
    instance_type: EndpointInstanceType = "ml.g4dn.xlarge"
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
    mode: Literal["input-and-output", "input", "output"] = "input-and-output"
    """Requests and replies, or only one of them; without replies there is no confidence to draw."""
    sampling_percentage: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests that is captured."""
    expire_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days until S3 deletes a capture."""
