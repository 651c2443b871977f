"""Drift detection, alarms and dashboard."""

from typing import Annotated

from pydantic import Field

from settings.section import Section


class Drift(Section):
    """The scheduled comparison of the traffic with the validation pictures."""

    enabled: bool = True
    """Compare captures with the model's validation pictures. Needs staged pictures; without the
    endpoint or captured replies there is no detector."""
    interval_minutes: Annotated[int, Field(ge=15, le=60)] = 60
    """Time between two comparisons."""
    class_shares: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(strict=False, examples=[[0.7, 0.3]]),
    ] = ()
    """Expected share of each of `dataset.classes` in the traffic, in their order; empty: the shares
    of the validation pictures, which are equal for "cifar-100" and "drawn". The validation pictures
    of the comparison are chosen by it."""


class Monitoring(Section):
    """Alarms and dashboard of an environment in operation."""

    max_error_percent: Annotated[float, Field(gt=0, le=100)] = 5
    """Alarm: a larger share of the endpoint's replies, or of a function's calls, are errors."""
    max_latency_ms: Annotated[int, Field(ge=1, le=60000)] = 1000
    """Alarm: one in ten replies of the endpoint takes longer."""
    dashboard: bool = True
    """Create a dashboard. Three are free in an account; each further one costs 3 USD a month."""
