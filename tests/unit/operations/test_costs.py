from pathlib import Path

import pytest
from pydantic import ValidationError

from operations import costs
from operations.costs import Line

MODEL = costs.read()


def changed(section: str, **figures: float) -> costs.Model:
    part = getattr(MODEL, section).model_copy(update=figures)
    return MODEL.model_copy(update={section: part})


def test_transitions_are_what_inline_costs_most() -> None:
    free = changed("prices", transitions_per_million=0.0)
    a_million = (costs.inline(MODEL).each - costs.inline(free).each) * 1e6

    assert a_million == pytest.approx(3 * 25)
    assert costs.inline(free).each * 1e6 < a_million / 10


def test_a_batch_shares_its_transitions_and_its_call() -> None:
    larger = changed("assumptions", batch_size=MODEL.assumptions.batch_size * 2)

    assert costs.bulk(larger).each < costs.bulk(MODEL).each < costs.inline(MODEL).each


def test_an_endpoint_costs_without_a_picture() -> None:
    assert costs.endpoint_all_month(MODEL) == Line(730 * MODEL.endpoint_hour, 0)


def test_a_switched_instance_costs_its_starts_and_its_work() -> None:
    model = changed("assumptions", runs_a_month=10.0, start_minutes=6.0)
    line = costs.endpoint_for_the_runs(model)

    assert line.fixed == pytest.approx(model.endpoint_hour)
    an_hours_work = model.assumptions.endpoint_pictures_per_second * 3600
    assert line.at(an_hours_work) == pytest.approx(2 * model.endpoint_hour)


def test_the_cheapest_path_changes_where_two_cost_the_same() -> None:
    lines = {"cheap start": Line(1, 0.5), "cheap picture": Line(10, 0.2), "never": Line(11, 0.5)}

    assert costs.cheapest(lines) == pytest.approx({"cheap start": 0, "cheap picture": 30})


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("get_per_thousand = 0.0004", r"prices\.get_per_thousand"),
        ('"ml.g4dn.xlarge" = 0.736', "no price of ml.g4dn.xlarge"),
    ],
)
def test_a_price_that_is_missing_is_named(line: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(costs.FILE.read_text().replace(line, ""))

    with pytest.raises(ValidationError, match=named):
        costs.read(file)
