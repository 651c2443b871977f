"""Settings of the three paths: the workflow, bulk classification and transform jobs."""

from typing import Annotated, Literal

from pydantic import Field

from settings.instances import EndpointInstanceType
from settings.section import Section


class Workflow(Section):
    """The state machine."""

    confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.93
    """Pictures whose best class has a lower probability are rejected."""
    rejection_style: Literal["status", "raise"] = "status"
    """How filter_confidence rejects: it returns status 406, or raises ConfidenceThresholdNotMet."""
    on_rejection: Literal["report", "fail"] = "report"
    """After the notification, the execution succeeds ("report") or fails ("fail")."""
    max_concurrency: Annotated[int, Field(ge=1, le=40)] = 40
    """Pictures of one execution that are classified at the same time; Step Functions runs at most
    40. Lambda throttles the rest if the account's concurrency is lower."""


class Bulk(Section):
    """Bulk classification: many pictures through the endpoint, in batches."""

    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100
    """Pictures in each call of the function; fewer if their keys are long."""
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    """Batches that are classified at the same time."""
    threads: Annotated[int, Field(ge=1, le=10)] = 4
    """Pictures of one batch that are classified at the same time. Times `bulk.max_concurrency`, it
    limits the concurrent requests to the endpoint; the default is that of one execution of the
    workflow."""
    tolerated_failure_percentage: Annotated[int, Field(ge=0, le=100)] = 5
    """The run stops when failed batches hold more than this percentage of its pictures. A bad
    picture does not fail its batch."""


class BatchTransform(Section):
    """Transform jobs, which manifests below `batch/input/` start."""

    instance_type: EndpointInstanceType = "ml.m5.xlarge"
    """The same types as for the endpoint."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of each transform job; they share its pictures, and cost while it runs."""
    max_runtime_minutes: Annotated[int, Field(ge=10, le=7200)] = 240
    """A transform job that takes longer is stopped; pictures without a result by then fail."""
