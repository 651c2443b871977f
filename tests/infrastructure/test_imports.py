"""Construct packages know each other by their public faces only."""

import re
from pathlib import Path

CONSTRUCTS = Path(__file__).parents[2] / "stacks" / "constructs"
OF_MODULE = re.compile(r"^from stacks\.constructs\.(\w+)\.\w", re.MULTILINE)


def test_no_construct_package_imports_a_module_of_its_siblings() -> None:
    imported = {path: set(OF_MODULE.findall(path.read_text())) for path in CONSTRUCTS.rglob("*.py")}

    assert any(imported.values())
    for path, packages in imported.items():
        assert packages <= {"common", path.parent.name}, path
