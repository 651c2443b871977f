"""Handlers are imported as Lambda does: fresh, with the environment that the stack sets."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from stacks.constructs.common.picture_results import STATUS_OF_ERROR

ImportHandler = Callable[..., ModuleType]

JUDGING = {"CLASSES": "bicycle,motorcycle", "CONFIDENCE_THRESHOLD": "0.93"}
BUCKETS = {"DATA_BUCKET": "pictures", "RESULTS_BUCKET": "artifacts"}
ENDPOINT = {"ENDPOINT_NAME": "scones-dev"}
ENVIRONMENTS = {
    "classify_batch": {
        **JUDGING,
        **BUCKETS,
        **ENDPOINT,
        "PICTURE_FAULTS": ",".join(STATUS_OF_ERROR),
        "THREADS": "3",
    },
    "classify_image": ENDPOINT,
    "filter_confidence": {**JUDGING, "REJECTION_STYLE": "status"},
    "summarize_bulk": BUCKETS,
    "write_predictions": JUDGING,
}


@pytest.fixture
def import_handler(monkeypatch: pytest.MonkeyPatch) -> ImportHandler:
    """`import_handler("serialize_image", NAME="value")`: the module, with this environment."""

    def import_fresh(folder: str, *, module: str = "handler", **changed: str) -> ModuleType:
        environment = {"AWS_DEFAULT_REGION": "us-east-1", **ENVIRONMENTS.get(folder, {}), **changed}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        name = f"lambda_src.{folder}.{module}"
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return import_fresh
