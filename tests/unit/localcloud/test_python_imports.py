import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from localcloud.emulator.repairs.python_imports import when_imported


def test_what_waits_for_a_module_happens_once_right_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "late_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "awaited.py").write_text("value = 1\n")
    (package / "importer.py").write_text(
        "from late_package import awaited\nvalue = awaited.value\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    calls: list[int] = []

    def change() -> None:
        module: Any = sys.modules["late_package.awaited"]
        calls.append(module.value)
        module.value = 2

    when_imported("late_package.awaited", change)
    importlib.import_module("late_package")
    assert not calls

    assert importlib.import_module("late_package.importer").value == 2
    importlib.reload(sys.modules["late_package.awaited"])
    assert calls == [1]
