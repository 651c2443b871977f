"""The estimate: from the prices of the cost model, and no guess where there is none."""

import pytest

from localcloud.demo.acceptance.cost import PriceMissingError, estimate
from operations import costs
from settings import load
from settings.loader import validate

MODEL = costs.read()


def usd(values: dict[str, object]) -> float:
    settings = validate(dict(values), environment="acceptance", source="a test")
    return sum(item.usd for item in estimate(settings, MODEL))


def test_each_part_is_its_hours_times_its_price() -> None:
    given, hours = MODEL.acceptance, MODEL.instance_hours
    trainings, endpoint, transforms, rest = estimate(load("acceptance"), MODEL)

    assert trainings.usd == pytest.approx(2 * given.training_minutes / 60 * hours["ml.g4dn.xlarge"])
    assert endpoint.usd == pytest.approx(
        (given.endpoint_minutes + given.update_minutes) / 60 * hours["ml.m5.xlarge"]
    )
    assert transforms.usd == pytest.approx(2 * given.transform_minutes / 60 * hours["ml.m5.xlarge"])
    assert rest.usd == given.rest_usd


def test_twice_the_instances_cost_twice() -> None:
    one = estimate(load("acceptance"), MODEL)[1].usd
    values = {"instance_type": "ml.m5.xlarge", "instance_count": 2}
    settings = validate({"endpoint": values}, environment="acceptance", source="a test")

    assert estimate(settings, MODEL)[1].usd == pytest.approx(2 * one)


def test_about_a_dollar() -> None:
    assert 0.5 < sum(item.usd for item in estimate(load("acceptance"), MODEL)) < 1.5


def test_a_price_that_is_missing_is_named() -> None:
    with pytest.raises(PriceMissingError, match=r"the endpoint: no price of ml.c5.4xlarge; add it"):
        usd({"endpoint": {"instance_type": "ml.c5.4xlarge"}})
