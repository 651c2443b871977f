"""What each path costs on AWS in a month, by list prices; pure functions of benchmarks/prices.toml.

Every cost is a straight line, so that two of them meet at one volume: the knee.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PositiveFloat, model_validator

from benchmarks.rows import Findings, Row, figure

FILE = Path(__file__).with_name("prices.toml")
VOLUMES = (10_000, 1_000_000, 100_000_000)

INLINE = "inline, endpoint on all month"
BULK = "bulk, endpoint on all month"
SWITCHED = "bulk, endpoint on for the runs"
BATCH = "batch transform"
STEPS = 3
"""Tasks of each picture, inline: a transition and a call each, as `python -m benchmarks` counts."""
CHILD_TRANSITIONS = 2
"""Of each batch of the Distributed Map: its start and its one task."""


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Figures):
    """USD, as prices.toml names them."""

    transitions_per_million: PositiveFloat
    lambda_gb_second: PositiveFloat
    lambda_requests_per_million: PositiveFloat
    put_per_thousand: PositiveFloat
    get_per_thousand: PositiveFloat


class Assumptions(_Figures):
    """What a picture takes, as prices.toml names it."""

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
    """What a run of `python -m demo --aws` takes, as prices.toml names it."""

    training_minutes: PositiveFloat
    endpoint_minutes: PositiveFloat
    update_minutes: PositiveFloat
    transform_minutes: PositiveFloat
    rest_usd: PositiveFloat


class Model(_Figures):
    """Content of prices.toml."""

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
    """USD a month: what it costs without a picture, and what each picture adds."""

    fixed: float
    each: float

    def __add__(self, other: "Line") -> "Line":
        """Both together."""
        return Line(self.fixed + other.fixed, self.each + other.each)

    def at(self, pictures: float) -> float:
        """USD a month for so many pictures."""
        return self.fixed + self.each * pictures


def read(path: Path = FILE) -> Model:
    """The prices, checked.

    Raises:
        pydantic.ValidationError: a figure is missing, unknown, or not above 0.
    """
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Model.model_validate(content)


def inline(model: Model) -> Line:
    """The workflow's own share: three tasks, their calls, and one read; without the endpoint."""
    prices, given = model.prices, model.assumptions
    seconds = STEPS * given.step_milliseconds / 1000
    return Line(
        0,
        STEPS * (prices.transitions_per_million + prices.lambda_requests_per_million) / 1e6
        + seconds * given.function_gb * prices.lambda_gb_second
        + prices.get_per_thousand / 1000,
    )


def bulk(model: Model) -> Line:
    """The Distributed Map's own share: a batch shares transitions, its call and its result."""
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
    """One instance that is always there."""
    return Line(model.assumptions.hours_a_month * model.endpoint_hour, 0)


def endpoint_for_the_runs(model: Model) -> Line:
    """One instance that is switched on for each run (`endpoint.enabled`), and off after it."""
    given = model.assumptions
    return _instance(model, model.endpoint_hour, given.endpoint_pictures_per_second)


def batch(model: Model) -> Line:
    """Transform jobs: instances, and an object read, written and read again for each picture."""
    prices = model.prices
    objects = (prices.put_per_thousand + 2 * prices.get_per_thousand) / 1000
    rate = model.assumptions.transform_pictures_per_second
    return _instance(model, model.transform_hour, rate) + Line(0, objects)


def _instance(model: Model, hour: float, pictures_per_second: float) -> Line:
    given = model.assumptions
    starts = given.runs_a_month * given.start_minutes / 60
    return Line(starts * hour, hour / 3600 / pictures_per_second)


def paths(model: Model) -> dict[str, Line]:
    """Everything that each path costs."""
    return {
        INLINE: inline(model) + endpoint_all_month(model),
        BULK: bulk(model) + endpoint_all_month(model),
        SWITCHED: bulk(model) + endpoint_for_the_runs(model),
        BATCH: batch(model),
    }


def cheapest(lines: Mapping[str, Line], pictures: float) -> str:
    """Name of the line that costs least."""
    return min(lines, key=lambda name: lines[name].at(pictures))


def knee(lines: Mapping[str, Line], one: str, other: str) -> float | None:
    """Pictures a month at which both cost the same; None if one is always cheaper."""
    a, b = lines[one], lines[other]
    if a.each == b.each:
        return None
    pictures = (b.fixed - a.fixed) / (a.each - b.each)
    return pictures if pictures > 0 else None


def run() -> Findings:
    """Costs at three volumes, and where which path is cheapest."""
    model = read()
    lines = paths(model)
    rows = [
        Row(
            what=f"{volume:,} pictures a month: {name}",
            unit="USD",
            ours=[line.at(volume)],
        )
        for volume in VOLUMES
        for name, line in lines.items()
    ]
    return Findings("Cost model", rows, _remarks(model, lines))


def _remarks(model: Model, lines: Mapping[str, Line]) -> list[str]:
    least = "; ".join(f"{volume:,}: {cheapest(lines, volume)}" for volume in VOLUMES)
    shares = {"inline": inline(model), "bulk": bulk(model), "batch": batch(model)}
    marginal = ", ".join(f"{name} {line.each * 1e6:,.2f}" for name, line in shares.items())
    pairs = ((SWITCHED, BULK), (BATCH, BULK), (BATCH, SWITCHED))
    return [
        f"The cost model takes list prices of {model.region} as of {model.as_of} and assumptions "
        "from `benchmarks/prices.toml`, which names the source of each; it leaves out storage, "
        "logs, captures and notifications. The comparator has as many transitions and calls a "
        "picture as inline, and costs the same.",
        f"Cheapest path by pictures a month: {least}.",
        f"Where the endpoint is there anyway, a million pictures more cost USD: {marginal}.",
        *(_knee_in_words(lines, one, other) for one, other in pairs),
    ]


def _knee_in_words(lines: Mapping[str, Line], one: str, other: str) -> str:
    pictures = knee(lines, one, other)
    if pictures is None:
        less = one if lines[one].each <= lines[other].each else other
        return f"Knee: none; {less} is cheaper than the other ({one}, {other}) at any volume."
    below = one if lines[one].fixed < lines[other].fixed else other
    above = other if below == one else one
    return f"Knee: below {figure(round(pictures))} pictures a month {below}, above it {above}."
