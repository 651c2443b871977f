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
