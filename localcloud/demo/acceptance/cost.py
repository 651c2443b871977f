"""What a run costs, by the prices of the cost model (operations/prices.toml)."""

from dataclasses import dataclass

from operations.costs import Model
from settings import Settings

TRAININGS, TRANSFORM_JOBS = 2, 2


class PriceMissingError(ValueError):
    """An instance type has no price; the message says where to add it."""


@dataclass(frozen=True)
class Item:
    """One line of the estimate."""

    what: str
    usd: float


def estimate(settings: Settings, model: Model) -> list[Item]:
    """Return what a run with these settings costs.

    Raises:
        PriceMissingError: the price of an instance type is missing.
    """
    given = model.acceptance
    training, endpoint, batch = settings.training, settings.endpoint, settings.batch_transform
    # An update starts the new instances before it stops the old ones.
    serving = given.endpoint_minutes + given.update_minutes
    return [
        _instances(
            model,
            f"{TRAININGS} training jobs",
            training.instance_type,
            training.instance_count,
            TRAININGS * given.training_minutes,
        ),
        _instances(model, "the endpoint", endpoint.instance_type, endpoint.instance_count, serving),
        _instances(
            model,
            f"{TRANSFORM_JOBS} transform jobs",
            batch.instance_type,
            batch.instance_count,
            TRANSFORM_JOBS * given.transform_minutes,
        ),
        Item("all the rest", given.rest_usd),
    ]


def minutes(model: Model) -> float:
    """Return how long a run takes."""
    return model.acceptance.endpoint_minutes + model.acceptance.training_minutes


def _instances(model: Model, what: str, kind: str, count: int, each_minutes: float) -> Item:
    hour = model.instance_hours.get(kind)
    if hour is None:
        raise PriceMissingError(
            f"{what}: no price of {kind}; add it to [instance_hours] of operations/prices.toml"
        )
    return Item(f"{what}, {count} {kind}, {each_minutes:.0f} min", hour * count * each_minutes / 60)
