import re

import pytest

from lambda_src.shared import class_names
from tests.class_names import HOSTILE

CIFAR = ("bicycle", "sweet_pepper", "pickup truck")


@pytest.mark.parametrize("names", [CIFAR, HOSTILE, ("[1]", "b"), tuple(reversed(HOSTILE))])
def test_names_are_what_they_were(names: tuple[str, ...]) -> None:
    text = class_names.encode(names)

    assert class_names.decode(text) == names
    assert tuple(map(class_names.from_ascii, map(class_names.in_ascii, names))) == names
    assert text.isascii() and all(map(str.isascii, map(class_names.in_ascii, names)))


def test_plain_names_look_as_they_always_did() -> None:
    assert class_names.encode(CIFAR) == "bicycle,sweet_pepper,pickup truck"
    assert list(map(class_names.in_ascii, CIFAR)) == list(CIFAR)


def test_a_dataset_may_have_any_hundred_names() -> None:
    assert class_names.fault(list(HOSTILE)) is None
    assert class_names.fault([f"class {number}" for number in range(100)]) is None


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (None, "expected a list of 2 to 100 names"),
        (["one"], "expected a list of 2 to 100 names"),
        ([str(number) for number in range(101)], "expected a list of 2 to 100 names"),
        (["a", 1], "1 is not a class name; allowed: 1 to 64 printable characters"),
        (["a", "b\n"], r"'b\\n' is not a class name"),
        (["a", "a"], "'a' appears twice"),
        (["a", "\u534a" * 34], "is too long; shorten it, or list the names in dataset.classes"),
        ([f"{number:064}" for number in range(50)], "the names take 3,249 bytes; allowed: 2,500"),
    ],
    ids=str,
)
def test_other_names_are_refused_with_the_reason(names: object, says: str) -> None:
    found = class_names.fault(names)

    assert found is not None and re.search(says, found)
