"""The endpoint: instances, scaling, updates, captures."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from settings.instances import EndpointInstanceType
from settings.section import Section

# The alarms of an update evaluate this many minutes; a shorter wait would end before they fire.
ALARM_MINUTES = 3
# SageMaker rolls back an update that takes longer: an hour, or this much more than its waits.
SECONDS_BESIDE_WAITS = 1800
LONGEST_UPDATE_SECONDS = 28800


class Autoscaling(Section):
    """Scaling of the endpoint by the requests to each instance."""

    enabled: bool = False
    """Adjust the number of instances to the load, starting from `instance_count`."""
    min_instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Fewest instances; each costs by the hour."""
    max_instances: Annotated[int, Field(ge=1, le=100)] = 4
    """Most instances."""
    invocations_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Target of requests per instance and minute: about 70% of what an instance can handle."""


class UpdatePolicy(Section):
    """How the endpoint moves to another model, and when it rolls back.

    Bounds: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html
    and API_TrafficRoutingConfig.html beside it.
    """

    type: Literal["all-at-once", "canary", "linear"] = "all-at-once"
    """How traffic shifts to the new instances: in one step, in two, or in equal steps."""
    rollback_on_alarms: bool = False
    """Roll back when an alarm on the new instances fires. `canary` and `linear` need it, and the
    keys below have no effect without it."""
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 50
    """First step of `canary`, in percent of the instances; the second step is the rest."""
    linear_step_percent: Annotated[int, Field(ge=10, le=50)] = 50
    """Each step of `linear`, in percent of the instances."""
    wait_interval_seconds: Annotated[int, Field(ge=ALARM_MINUTES * 60, le=3600)] = 300
    """Wait between two steps; the alarms evaluate three minutes."""
    termination_wait_seconds: Annotated[int, Field(ge=ALARM_MINUTES * 60, le=3600)] = 300
    """Wait after the last step, before the old instances are removed."""
    max_5xx_percent: Annotated[float, Field(gt=0, le=100)] = 5
    """Alarm: a larger share of the new instances' replies are errors of the model or SageMaker."""
    max_latency_ms: Annotated[int, Field(ge=1, le=60000)] = 1000
    """Alarm: one in 20 replies of the new instances takes longer."""

    @property
    def waits_seconds(self) -> int:
        """All waits of one update."""
        steps = {"all-at-once": 1, "canary": 2, "linear": math.ceil(100 / self.linear_step_percent)}
        return (steps[self.type] - 1) * self.wait_interval_seconds + self.termination_wait_seconds

    @property
    def max_execution_seconds(self) -> int:
        """Time after which SageMaker rolls an update back."""
        return max(3600, self.waits_seconds + SECONDS_BESIDE_WAITS)

    @model_validator(mode="after")
    def _watched(self) -> "UpdatePolicy":
        if self.type != "all-at-once" and not self.rollback_on_alarms:
            raise ValueError(
                f"endpoint.update_policy.type = {self.type!r} detects no fault without alarms; "
                "set endpoint.update_policy.rollback_on_alarms = true"
            )
        return self

    @model_validator(mode="after")
    def _waits_end_in_time(self) -> "UpdatePolicy":
        if self.rollback_on_alarms and self.max_execution_seconds > LONGEST_UPDATE_SECONDS:
            raise ValueError(
                f"endpoint.update_policy waits {self.waits_seconds} s in all; allowed: up to "
                f"{LONGEST_UPDATE_SECONDS - SECONDS_BESIDE_WAITS} s, with fewer steps or shorter "
                "waits"
            )
        return self


class Endpoint(Section):
    """The endpoint that serves the model."""

    enabled: bool = True
    """Deploy the endpoint. Without it nothing costs by the hour, and the rest stays deployed."""
    instance_type: EndpointInstanceType = "ml.g4dn.xlarge"
    """The types for training, and `ml.c4.*`, `ml.c5.*`, `ml.m4.*`, `ml.m5.*`."""
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
        # SageMaker does not document steps of less than one instance.
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
    """Capture requests and replies."""
    mode: Literal["input-and-output", "input", "output"] = "input-and-output"
    """Capture requests, replies or both; without replies the report has no confidence."""
    sampling_percentage: Annotated[int, Field(ge=1, le=100)] = 100
    """Percentage of the requests that are captured."""
    expire_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days until S3 deletes a capture."""
