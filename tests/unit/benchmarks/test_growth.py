"""Growth's arithmetic, and the look at memory."""

import os

import pytest

from benchmarks import growth


@pytest.mark.parametrize(
    ("seconds", "exponent"),
    [
        ({100: 1.0, 1000: 10.0}, 1),
        ({100: 1.0, 1000: 100.0}, 2),
        ({10: 99.0, 100: 4.0, 1000: 4.0}, 0),
    ],
    ids=["linear", "quadratic", "constant, whatever was before"],
)
def test_the_exponent_is_of_the_two_largest(seconds: dict[int, float], exponent: float) -> None:
    assert growth.exponent(seconds) == pytest.approx(exponent)


def test_memory_is_that_of_the_process_group() -> None:
    assert growth.resident_bytes(os.getpgrp()) > 10_000_000
    assert growth.resident_bytes(-1) == 0


def test_the_peak_outlives_what_was_freed() -> None:
    with growth.peak_memory(os.getpgrp()) as memory:
        pass

    assert memory.peak_bytes > 10_000_000


def test_paths_take_turns_from_few_to_many_and_the_comparator_stops_early() -> None:
    ran: list[tuple[str, int]] = []

    def path(name: str) -> growth.Classify:
        return lambda keys: ran.append((name, len(keys)))

    paths = {name: path(name) for name in (growth.BULK, growth.COMPARATOR)}
    keys = [str(number) for number in range(5_000)]
    measured = growth._measure(paths, keys, [5_000, 100], group=os.getpgrp())
    rows = {(row.what, row.unit): row for row in growth._rows(measured)}

    warm_up = [("bulk", 100), ("comparator", 100)]
    assert ran == [*warm_up, ("bulk", 100), ("comparator", 100), ("bulk", 5_000)]
    assert rows["bulk, 100 pictures", "pictures/s"].ratio is not None
    assert rows["bulk, 5,000 pictures", "pictures/s"].ratio is None
    assert rows["bulk, 5,000 pictures: peak memory of the local cloud", "MB"].ours[0] > 10
    assert any("time of bulk grows" in remark for remark in growth._remarks(measured))
