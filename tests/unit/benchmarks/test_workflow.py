"""How runs are divided, and what is counted in definitions."""

import pytest

from benchmarks import cloud, floor, ways
from benchmarks.comparator import workflow as comparator


@pytest.mark.parametrize(
    ("pictures", "at_most", "portions"),
    [(1, 58, [1]), (58, 58, [58]), (59, 58, [30, 29]), (1000, 500, [500, 500])],
)
def test_as_few_executions_as_hold_the_pictures(
    pictures: int, at_most: int, portions: list[int]
) -> None:
    assert ways.portions(pictures, at_most=at_most) == portions


def test_the_comparator_has_a_map_for_each_step() -> None:
    functions = comparator.Functions({step: f"arn:{step}" for step in comparator.STEPS})

    assert len(cloud.item_states(comparator.three_maps(functions))) == len(comparator.STEPS)


def test_the_floor_calls_a_function_as_often_as_a_picture_does() -> None:
    assert len(cloud.item_states(floor.plainest_machine("arn:any"))) == len(comparator.STEPS)
