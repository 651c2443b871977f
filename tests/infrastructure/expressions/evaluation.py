"""Evaluates JSONata as the local cloud does."""

import hashlib
import json
from typing import Any

import pytest

jsonata = pytest.importorskip("jsonata", reason="comes with the local cloud")


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()


def evaluate(expression: str, states: dict[str, Any], **variables: Any) -> Any:
    """Value of an expression with its `{% %}`; of Step Functions' own functions it has two."""
    compiled = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    compiled.register_lambda("hash", _hash)
    compiled.register_lambda("parse", json.loads)
    for name, value in {"states": states, **variables}.items():
        compiled.assign(name, value)
    return compiled.evaluate(None)
