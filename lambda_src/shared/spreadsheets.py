"""Quote text in a CSV file that a spreadsheet would run as a formula.

Source of the characters and of the single quote:
https://owasp.org/www-community/attacks/CSV_Injection
"""

import re

# A cell may also begin after semicolons or tabs: a spreadsheet may split there, despite the
# quotation marks around the cell.
_CELL_START = r"(?:\A|(?<=[;\t\r\n]))"
# A spreadsheet may drop quotes and spaces before a formula. Single quotes are included, so that
# existing ones survive the way back.
_FORMULA_AHEAD = r"""(?=['" ]*[=+\-@\t\r\n＝＋－＠])"""  # noqa: RUF001

_FORMULA = re.compile(_CELL_START + _FORMULA_AHEAD)
_QUOTED_FORMULA = re.compile(f"{_CELL_START}'{_FORMULA_AHEAD}")


def quote_formulas(value: object) -> object:
    """Return text with a single quote before each formula; numbers and others stay unchanged."""
    return _FORMULA.sub("'", value) if isinstance(value, str) else value


def unquote_formulas(text: str) -> str:
    """Return the text that `quote_formulas` was given."""
    return _QUOTED_FORMULA.sub("", text)
