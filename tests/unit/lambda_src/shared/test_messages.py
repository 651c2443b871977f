import pytest

from lambda_src.shared.messages import readable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("week #1/ü 🚲+100%?.png", "week #1/ü 🚲+100%?.png"),
        ("ü, 🚲 and\tb", r"ü, 🚲 and\tb"),
        ("\x01\x1b[2J\x7f\u202e", r"\x01\x1b[2J\x7f\u202e"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_what_cannot_be_printed_is_shown_by_an_escape(text: str, shown: str) -> None:
    assert readable(text) == shown
