"""How thousands of pictures are classified."""

from typing import Annotated

from pydantic import Field

from settings.instances import EndpointInstanceType
from settings.section import Section


class Bulk(Section):
    """Many pictures through the endpoint, in batches."""

    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100
    """Pictures of one call of the function; fewer where their keys are long."""
    max_concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    """Batches that are classified at the same time."""
    threads: Annotated[int, Field(ge=1, le=10)] = 4
    """Pictures of one batch that are classified at the same time. With `bulk.max_concurrency` it
    bounds what the endpoint gets at once: as many as from one execution of the workflow."""
    tolerated_failure_percentage: Annotated[int, Field(ge=0, le=100)] = 5
    """The run stops when failed batches hold more than this percentage of its pictures. A bad
    picture does not fail its batch."""


class BatchTransform(Section):
    """Transform jobs that manifests below `batch/input/` start."""

    instance_type: EndpointInstanceType = "ml.m5.xlarge"
    """As for the endpoint."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of each transform job; they share its pictures, and cost while it runs."""
    max_runtime_minutes: Annotated[int, Field(ge=10, le=7200)] = 240
    """A transform job that takes longer is stopped; pictures without a result by then fail."""
