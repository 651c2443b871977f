import pytest

from benchmarks import cloud, contenders
from benchmarks.comparator import workflow as usual
from benchmarks.contenders import Contender


@pytest.mark.parametrize(
    ("pictures", "at_most", "portions"),
    [(1, 58, [1]), (58, 58, [58]), (59, 58, [30, 29]), (1000, 500, [500, 500])],
)
def test_as_few_executions_as_hold_the_pictures(
    pictures: int, at_most: int, portions: list[int]
) -> None:
    assert contenders.portions(pictures, at_most=at_most) == portions


def test_contenders_take_turns_after_a_first_run_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, int]] = []

    def execute(state_machine: str, event: int) -> cloud.Execution:
        ran.append((state_machine, event))
        return cloud.Execution("arn", float(event))

    monkeypatch.setattr(contenders, "run_execution", execute)
    both = [Contender(name, [], lambda count: count, 10) for name in ("ours", "usual")]

    timed = contenders.time_in_turns(both, [2, 12], repeats=2, cold=False)

    a_turn = [("ours", 6), ("ours", 6), ("usual", 6), ("usual", 6)]
    assert ran[:2] == [("ours", 10), ("usual", 10)]
    assert ran[2:] == [("ours", 2), ("usual", 2)] * 2 + a_turn * 2
    assert timed == [{2: [2, 2], 12: [12, 12]}] * 2


def test_the_comparator_has_a_map_for_each_step() -> None:
    functions = {step: f"function-{step}" for step in usual.STEPS}

    assert list(cloud.item_states(usual.three_maps(functions))) == list(usual.STEPS)
