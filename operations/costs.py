"""The monthly cost of each path on AWS, by the list prices of operations/prices.toml.

Each cost is a straight line over the number of pictures.
"""

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PositiveFloat, model_validator

FILE = Path(__file__).with_name("prices.toml")

INLINE = "inline, endpoint on all month"
BULK = "bulk, endpoint on all month"
SWITCHED = "bulk, endpoint on for the runs"
BATCH = "batch transform"
STEPS = 3
"""Tasks of each picture, inline: a transition and a call each."""
CHILD_TRANSITIONS = 2
"""Of each batch of the Distributed Map: its start and its task."""


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Figures):
    """List prices in USD."""

    transitions_per_million: PositiveFloat
    lambda_gb_second: PositiveFloat
    lambda_requests_per_million: PositiveFloat
    put_per_thousand: PositiveFloat
    get_per_thousand: PositiveFloat


class Assumptions(_Figures):
    """Time, memory and instances that a picture needs."""

    endpoint_instance: str
    transform_instance: str
    step_milliseconds: PositiveFloat
    function_gb: PositiveFloat
    batch_function_gb: PositiveFloat
    batch_size: PositiveFloat
    batch_threads: PositiveFloat
    endpoint_pictures_per_second: PositiveFloat
    transform_pictures_per_second: PositiveFloat
    start_minutes: PositiveFloat
    runs_a_month: PositiveFloat
    hours_a_month: PositiveFloat


class Acceptance(_Figures):
    """Minutes of instances in a run of `make acceptance`, and the cost of the rest."""

    training_minutes: PositiveFloat
    endpoint_minutes: PositiveFloat
    update_minutes: PositiveFloat
    transform_minutes: PositiveFloat
    rest_usd: PositiveFloat


class Model(_Figures):
    """The content of prices.toml."""

    region: str
    as_of: str
    prices: Prices
    instance_hours: Mapping[str, PositiveFloat]
    """USD, by instance type."""
    assumptions: Assumptions
    acceptance: Acceptance

    @model_validator(mode="after")
    def _instances_have_prices(self) -> Self:
        for kind in (self.assumptions.endpoint_instance, self.assumptions.transform_instance):
            if kind not in self.instance_hours:
                raise ValueError(f"instance_hours has no price of {kind}")
        return self

    @property
    def endpoint_hour(self) -> float:
        """Return USD for an hour of an instance of the endpoint."""
        return self.instance_hours[self.assumptions.endpoint_instance]

    @property
    def transform_hour(self) -> float:
        """Return USD for an hour of an instance of a transform job."""
        return self.instance_hours[self.assumptions.transform_instance]


@dataclass(frozen=True)
class Line:
    """USD a month: a fixed part, and a part for each picture."""

    fixed: float
    each: float

    def __add__(self, other: "Line") -> "Line":
        """Return the sum."""
        return Line(self.fixed + other.fixed, self.each + other.each)

    def at(self, pictures: float) -> float:
        """Return USD a month for so many pictures."""
        return self.fixed + self.each * pictures


def read(path: Path = FILE) -> Model:
    """Read the prices; raise pydantic.ValidationError if one is missing, unknown or not above 0."""
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Model.model_validate(content)


def inline(model: Model) -> Line:
    """Return the cost of three tasks, their calls, and one read; without the endpoint."""
    prices, given = model.prices, model.assumptions
    seconds = STEPS * given.step_milliseconds / 1000
    return Line(
        0,
        STEPS * (prices.transitions_per_million + prices.lambda_requests_per_million) / 1e6
        + seconds * given.function_gb * prices.lambda_gb_second
        + prices.get_per_thousand / 1000,
    )


def bulk(model: Model) -> Line:
    """Return the cost of the Distributed Map, without the endpoint."""
    prices, given = model.prices, model.assumptions
    seconds = STEPS * given.step_milliseconds / 1000 / given.batch_threads
    a_batch = (
        CHILD_TRANSITIONS * prices.transitions_per_million / 1e6
        + prices.lambda_requests_per_million / 1e6
        + 2 * prices.put_per_thousand / 1000  # the part, and its share of the Map's results
        + prices.get_per_thousand / 1000
    )
    return Line(
        0,
        a_batch / given.batch_size
        + seconds * given.batch_function_gb * prices.lambda_gb_second
        + prices.get_per_thousand / 1000,
    )


def endpoint_all_month(model: Model) -> Line:
    """Return the cost of one instance all month."""
    return Line(model.assumptions.hours_a_month * model.endpoint_hour, 0)


def endpoint_for_the_runs(model: Model) -> Line:
    """Return the cost of one instance that is on only during runs (`endpoint.enabled`)."""
    given = model.assumptions
    return _instance(model, model.endpoint_hour, given.endpoint_pictures_per_second)


def batch(model: Model) -> Line:
    """Return the cost of transform jobs: instances, two reads and a write for each picture."""
    prices = model.prices
    objects = (prices.put_per_thousand + 2 * prices.get_per_thousand) / 1000
    rate = model.assumptions.transform_pictures_per_second
    return _instance(model, model.transform_hour, rate) + Line(0, objects)


def _instance(model: Model, hour: float, pictures_per_second: float) -> Line:
    given = model.assumptions
    starts = given.runs_a_month * given.start_minutes / 60
    return Line(starts * hour, hour / 3600 / pictures_per_second)


def paths(model: Model) -> dict[str, Line]:
    """Return the whole cost of each path."""
    return {
        INLINE: inline(model) + endpoint_all_month(model),
        BULK: bulk(model) + endpoint_all_month(model),
        SWITCHED: bulk(model) + endpoint_for_the_runs(model),
        BATCH: batch(model),
    }


def cheapest(lines: Mapping[str, Line]) -> dict[str, float]:
    """Return the paths that are cheapest at some volume, and the pictures a month from which on."""
    crossings = (
        (b.fixed - a.fixed) / (a.each - b.each)
        for a, b in itertools.combinations(lines.values(), 2)
        if a.each != b.each
    )
    cheapest_from: dict[str, float] = {}
    for volume in sorted([0.0, *(crossing for crossing in crossings if crossing > 0)]):
        just_above = volume * (1 + 1e-9) + 1e-9
        name = min(lines, key=lambda name: lines[name].at(just_above))
        cheapest_from.setdefault(name, volume)
    return cheapest_from
