"""Batch transform: pictures of a manifest, without an endpoint."""

from typing import Annotated

from pydantic import Field

from settings.instances import EndpointInstanceType
from settings.section import Section


class BatchTransform(Section):
    """Transform jobs that manifests below `batch/input/` start."""

    instance_type: EndpointInstanceType = "ml.m5.xlarge"
    """As for the endpoint."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of each transform job; they share its pictures, and cost while it runs."""
    max_runtime_minutes: Annotated[int, Field(ge=10, le=7200)] = 240
    """A transform job that takes longer is stopped; pictures without a result by then fail."""
