import re
from pathlib import Path

import pytest
from rich.table import Table

from scones import terminal

ROOT = Path(__file__).parents[3]
NAMES = ("[red]", "[/]", "[/none]", "[link=https://example.com]", "[[", "\\[", ":fire:")


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(*NAMES)
    table.add_row(*NAMES)
    console = terminal.console()
    console.width = 200
    console.print(table)
    for name in NAMES:
        console.print(f"Wrote {name}/file", soft_wrap=True)
    shown = capsys.readouterr().out
    for name in NAMES:
        assert shown.count(name) >= 3
        assert f"Wrote {name}/file\n" in shown


def test_everything_prints_with_it() -> None:
    own = [
        path.relative_to(ROOT).as_posix()
        for folder in ("analysis", "localcloud", "operations", "scones", "settings", "training")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"(?<!\.)\bConsole\((?!quiet)|markup=", path.read_text(encoding="utf-8"))
    ]
    assert own == ["scones/terminal.py"]
