"""Evaluates JSONata as the local cloud does."""

from typing import Any

import pytest

jsonata = pytest.importorskip("jsonata", reason="comes with the local cloud")


def evaluate(expression: str, states: dict[str, Any]) -> Any:
    """Value of an expression with its `{% %}`."""
    compiled = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    compiled.assign("states", states)
    return compiled.evaluate(None)
