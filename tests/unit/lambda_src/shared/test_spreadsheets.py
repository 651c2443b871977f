import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.spreadsheets import quote_formulas, unquote_formulas


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\nx", "'\nx"),
        (' "=1', "' \"=1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("a;=1", "a;'=1"),
        ("'=1", "''=1"),
    ],
)
def test_formulas_are_quoted(text: str, written: str) -> None:
    assert quote_formulas(text) == written
    assert unquote_formulas(written) == text


@pytest.mark.parametrize(
    "value", ["", "a=1", "a/b-c+d@e.png", "a, -b.png", "'quoted'", "it's", -0.5, 0, None, True]
)
def test_all_else_is_unchanged(value: object) -> None:
    assert quote_formulas(value) is value or quote_formulas(value) == value
    if isinstance(value, str):
        assert unquote_formulas(value) == value


@given(st.text(alphabet="=+-@\t\r\n;,'\" a1"))
def test_every_text_is_read_back(text: str) -> None:
    written = str(quote_formulas(text))

    assert unquote_formulas(written) == text
    assert not written.startswith(tuple("=+-@\t\r\n"))


@pytest.mark.parametrize("piece", ["'", " ", "\t", ";", ";'"])
def test_a_long_cell_takes_no_time(piece: str) -> None:
    text = piece * 500_000
    start = time.process_time()

    assert unquote_formulas(str(quote_formulas(text))) == text
    assert time.process_time() - start < 5
