import json
from typing import Any

import pytest

from stacks.constructs.notifications import messages
from tests.infrastructure.expressions.evaluation import evaluate

RESULTS = messages.of_results("dev", messages.IN_OUTPUT).text


def states_with(failed: int, *, key: str = "one.png") -> dict[str, Any]:
    """Return the Map's output when so many images failed."""
    result = {
        "verdict": "failed",
        "error": "ImageNotFound",
        "cause": "NoSuchKey",
        "body": {"s3_bucket": "pictures", "s3_key": key},
    }
    return {
        "input": {
            "counts": {"images": failed, "accepted": 0, "rejected": 0, "failed": failed},
            "results": [result] * failed,
        },
        "context": {"Execution": {"Id": "arn:aws:states:eu-west-1:111122223333:execution:x:y"}},
    }


@pytest.mark.parametrize("failed", [1, 20])
def test_phones_get_the_beginning_and_all_others_the_whole_message(failed: int) -> None:
    states = states_with(failed)
    whole = evaluate(RESULTS, states)

    by_protocol = json.loads(evaluate(messages.shorter_for_phones(RESULTS), states))

    assert by_protocol == {"default": whole, "sms": whole[: messages.MAX_SMS]}
    assert whole.startswith(f"0 accepted, 0 rejected, {failed} failed of {failed} images.")
    assert len(by_protocol["sms"].encode("utf-16-be")) <= 1600


@pytest.mark.parametrize("message", [messages.of_death("dev").text, messages.of_alarm("dev").text])
def test_notices_have_a_form_for_phones_too(message: str) -> None:
    dead = {"status": "TIMED_OUT", "error": None, "cause": None, "executionArn": "arn"}
    alarm = {
        "alarmName": "Scones-dev-alarm",
        "configuration": {"description": None},
        "state": {"reason": "Threshold Crossed"},
    }
    states = {"input": dead | alarm}

    by_protocol = json.loads(evaluate(messages.shorter_for_phones(message), states))

    assert by_protocol["sms"] == by_protocol["default"] == evaluate(message, states)


@pytest.mark.parametrize("key", ["\x01", '"', "\u20ac", "\U0001f600"])
def test_the_longest_message_is_one_that_sns_takes(key: str) -> None:
    states = states_with(20, key=key * 3000)

    for message in (RESULTS, messages.shorter_for_phones(RESULTS)):
        assert len(evaluate(message, states).encode()) <= 262_144


def test_a_list_that_is_too_long_as_a_cause_says_that_it_is_cut() -> None:
    states = states_with(20, key="x" * 3000)

    cause = evaluate(messages.MESSAGE_FOR_CAUSE, states)

    assert messages.MAX_TEXT < len(cause) <= 32_768
    assert cause.endswith("xxx ...\n\nThe rest does not fit.\n")
