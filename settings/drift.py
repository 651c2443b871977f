"""The drift detector."""

from typing import Annotated

from pydantic import Field

from settings.section import Section


class Drift(Section):
    """The scheduled comparison of the traffic with the validation pictures."""

    enabled: bool = True
    """Whether captures are compared with the model's validation pictures. Needs staged pictures,
    the endpoint, and captured replies; without these two there is none."""
    interval_minutes: Annotated[int, Field(ge=15, le=60)] = 60
    """Time between two looks at the captures."""
    class_shares: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(strict=False, examples=[[0.7, 0.3]]),
    ] = ()
    """Share of each of `dataset.classes` in the traffic, in their order; none: all the same. The
    validation pictures that the traffic is compared with are chosen by it."""
