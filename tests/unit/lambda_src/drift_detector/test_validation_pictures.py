from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.drift_detector.baseline import MINIMUM
from lambda_src.drift_detector.validation_pictures import PICTURES, Row, choose, numbers, shortage
from lambda_src.shared.staged_dataset import StagedDataset

HALF = [0.5, 0.5]


def chosen(digest: str, *available: int) -> list[Row]:
    """The rows that are chosen of a dataset with so many validation pictures of each class."""
    labels = [label for label, count in enumerate(available) for _ in range(count)]
    rows = [f"{index}\t{label}\t{index}.png\n" for index, label in enumerate(labels)]
    dataset = SimpleNamespace(prefix=f"datasets/{digest}", read=lambda _: "".join(rows).encode())
    classes = [str(label) for label in range(len(available))]
    return choose(cast(StagedDataset, dataset), classes, []).rows


@pytest.mark.parametrize(
    ("available", "shares", "expected"),
    [
        ([100, 100], HALF, [100, 100]),
        ([1000, 300], HALF, [200, 200]),
        ([40, 40], [0.3, 0.7], [17, 40]),
        # As they are: a rare class takes none of the others away.
        ([900, 97, 3], [], [360, 39, 1]),
        ([47, 2, 1], [], [47, 2, 1]),
        ([4] * 100, [], [4] * 100),
        # A rare class that lacks one of 50 pictures.
        ([100, 1], [0.97, 0.03], [49, 1]),
        ([100, 100, 0], [0.5, 0.49, 0.01], [25, 25, 0]),
    ],
)
def test_each_class_has_its_share(
    available: list[int], shares: list[float], expected: list[int]
) -> None:
    assert numbers(available, shares) == expected
    assert shortage([str(each) for each in available], available, shares) is None


def test_a_class_that_lacks_more_is_named() -> None:
    assert shortage(["scone", "burnt"], [100, 1], [0.95, 0.05]) == (
        "1 validation pictures of 'burnt'; a baseline takes 50 or more in all, 3 of that class"
    )


@given(
    st.lists(st.integers(0, 600), min_size=2, max_size=20).flatmap(
        lambda available: st.tuples(
            st.just(available),
            st.just([])
            | st.lists(st.floats(0.001, 1), min_size=len(available), max_size=len(available)).map(
                lambda weights: [weight / sum(weights) for weight in weights]
            ),
        )
    )
)
def test_any_baseline_is_large_enough_with_nearly_the_right_shares_or_refused(
    drawn: tuple[list[int], list[float]],
) -> None:
    available, shares = drawn
    counts = numbers(available, shares)
    count = sum(counts)

    assert all(0 <= each <= most for each, most in zip(counts, available, strict=True))
    assert count <= PICTURES
    names = [str(label) for label in range(len(available))]
    assert (shortage(names, available, shares) is None) == (count >= MINIMUM)
    if count >= MINIMUM:
        expected = shares or [each / sum(available) for each in available]
        for each, share in zip(counts, expected, strict=True):
            assert abs(each / count - share) <= 0.01 + 1 / count


def test_pictures_are_drawn_at_random_and_always_the_same_ones() -> None:
    first, again, other = chosen("a", 1000, 1000), chosen("a", 1000, 1000), chosen("b", 1000, 1000)

    assert first == again
    assert set(first) != set(other)
    for label in (0, 1):
        indices = [int(row.path.removesuffix(".png")) for row in first if row.label == label]
        assert len(set(indices)) == PICTURES / 2
        # The mean of 200 of 0 to 999 has a standard deviation of 18.
        assert sum(indices) / len(indices) - 1000 * label == pytest.approx(500, abs=100)
