"""Extends the scripts that ministack's Lambda workers run."""

from collections.abc import Mapping
from pathlib import Path

from localcloud.emulator.names import PrivateNameError, private, replace

PYTHON = "ministack.core.lambda_runtime:_PYTHON_WORKER_SCRIPT"
NODE = "ministack.core.lambda_runtime:_NODEJS_WORKER_SCRIPT"


def extend(script: str, *, prologue: str, edits: Mapping[str, str] | None = None) -> None:
    """Put the file `prologue` in front of `script` and make `edits` (before: after) in it.

    Raises:
        PrivateNameError: what is to be edited does not stand in the script exactly once.
    """
    text: str = private(script)
    for before, after in (edits or {}).items():
        if text.count(before) != 1:
            raise PrivateNameError(f"{script} with `{before}` in it once")
        text = text.replace(before, after)
    source = Path(__file__).with_name(prologue).read_text(encoding="utf-8")
    replace(script, f"{source}\n{text}")
