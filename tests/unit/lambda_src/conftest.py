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
        values = {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            **environment,
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name, raising=False)
        name = f"lambda_src.{folder}.{module}"
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return import_fresh
