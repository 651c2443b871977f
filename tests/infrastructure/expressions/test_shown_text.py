import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.constructs.common.jsonata import SHOWN_TEXT
from stacks.constructs.notifications import messages
from tests.infrastructure.expressions.evaluation import evaluate

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


def shown(text: str, function: str = "shown") -> str:
    said: str = evaluate(f"{{% ( {SHOWN_TEXT} ${function}($states.input) ) %}}", {"input": text})
    return said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("week #1/ü 🚲+100%?.png", "week #1/ü 🚲+100%?.png"),
        ("bay/\x01.png", r"bay/\u0001.png"),
        ("\ud800.png", r"\ud800.png"),
        ("a\nb\tc\r\x00", r"a\nb\tc\r\u0000"),
        ("\x7f\x9b31m", r"\u007f\u009b31m"),
        ("gnp.\u202ekcab\u2066", r"gnp.\u202ekcab\u2066"),
        ('"\\', '"\\'),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_shown_by_an_escape(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_the_ends_of_lines_may_stay() -> None:
    assert shown("one\n\x1btwo\n", "shownLines") == "one\n\\u001btwo\n"


@given(ANY_TEXT)
def test_any_text_becomes_one_line_that_every_service_takes(text: str) -> None:
    said = shown(text)

    assert said.encode().decode() == said
    assert len(said.splitlines()) <= 1
    assert all(letter.isprintable() or letter in text for letter in said)
    assert not {letter for letter in said if ord(letter) < 32 or 127 <= ord(letter) < 160}


@given(ANY_TEXT, ANY_TEXT)
def test_one_picture_has_two_lines_of_the_message_whatever_its_key(key: str, cause: str) -> None:
    body = {"s3_bucket": "pictures", "s3_key": key}
    result = {"verdict": "failed", "error": "ImageNotFound", "cause": cause, "body": body}
    counts = {"images": 2, "accepted": 0, "rejected": 0, "failed": 2, "folders": 3}
    states = {
        "input": {"counts": counts, "results": [result, result]},
        "context": {"Execution": {"Id": "arn"}},
    }

    said = evaluate(messages.of_results("dev", messages.IN_OUTPUT).text, states)

    assert json.loads(json.dumps(said).encode()) == said
    assert said.encode()
    first, *listing = said.split("\n")
    assert first == "0 accepted, 0 rejected, 2 failed of 2 images; 3 empty folders skipped."
    assert [line[:6] for line in listing[:5]] == ["", "Failed", "- s3:/", "    Im", "- s3:/"]
    assert len(listing) == 10
