import pytest

from lambda_src.shared import json_limits
from lambda_src.shared.probabilities import MAX_CLASSES, check
from tests import odd_replies
from tests.mutations import python_memory_below


@pytest.mark.parametrize("reply", odd_replies.READ)
def test_probabilities_are_numbers_without_rounding(reply: bytes) -> None:
    found = check(json_limits.parse(reply), classes=2)

    assert found == odd_replies.READ[reply]
    assert all(type(value) is float for value in found)


def test_zero_has_no_sign() -> None:
    assert str(check([-0.0, -1e-9])) == "[0.0, 0.0]"


@pytest.mark.parametrize("name", odd_replies.REFUSED)
def test_all_else_is_refused_in_little_memory(name: str) -> None:
    reply = odd_replies.REFUSED[name]

    with python_memory_below(16 * 2**20), pytest.raises(ValueError, match=r".{10}") as raised:
        check(json_limits.parse(reply))

    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("reply", odd_replies.OTHER_COUNT)
def test_another_number_of_classes_is_refused(reply: bytes) -> None:
    values = json_limits.parse(reply)

    assert check(values) == values
    with pytest.raises(ValueError, match=r"\d probabilities for 2 classes"):
        check(values, classes=2)


def test_a_model_has_as_many_classes_as_a_report_can_show() -> None:
    assert len(check([0.0] * MAX_CLASSES)) == MAX_CLASSES
    with pytest.raises(ValueError, match="1,001 values; a model has at most 1,000 classes"):
        check([0.0] * (MAX_CLASSES + 1))


@pytest.mark.parametrize("value", [True, "0.5", None, [], float("nan"), 10**400, 1 + 0.5j])
def test_the_value_that_is_wrong_is_named(value: object) -> None:
    with pytest.raises(ValueError, match="value 1 is not a number from 0 to 1"):
        check([0.5, value])
