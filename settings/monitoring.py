"""When an alarm rises, and whether there is a dashboard."""

from typing import Annotated

from pydantic import Field

from settings.section import Section


class Monitoring(Section):
    """Alarms and dashboard of an environment in operation."""

    max_error_percent: Annotated[float, Field(gt=0, le=100)] = 5
    """Alarm: more of the endpoint's replies, or of a function's calls, are errors."""
    max_latency_ms: Annotated[int, Field(ge=1, le=60000)] = 1000
    """Alarm: one of ten replies of the endpoint takes longer."""
    dashboard: bool = True
    """Whether there is a dashboard. An account has 3 free; each one more costs 3 USD a month."""
