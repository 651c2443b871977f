"""Handlers are imported as Lambda does: fresh, with the environment that the stack sets."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

ImportHandler = Callable[..., ModuleType]


@pytest.fixture
def import_handler(monkeypatch: pytest.MonkeyPatch) -> ImportHandler:
    """`import_handler("serialize_image", NAME="value")`: the module, with this environment."""

    def import_fresh(folder: str, *, module: str = "handler", **environment: str) -> ModuleType:
        for name, value in {"AWS_DEFAULT_REGION": "us-east-1", **environment}.items():
            monkeypatch.setenv(name, value)
        name = f"lambda_src.{folder}.{module}"
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return import_fresh
