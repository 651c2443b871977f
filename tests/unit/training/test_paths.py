"""Keys and names become paths below a folder, or are refused by name."""

import re

import pytest

from training.paths import relative_path


@pytest.mark.parametrize("name", ["a.png", "scones/blue/a.jsonl", "a..b/..c", "...", "a b/=1+1"])
def test_names_below_a_folder_are_unchanged(name: str) -> None:
    assert relative_path(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/x", "a//x", "a/", "./x", "a\0b"]
)
def test_all_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name!r} is not a path below its folder")):
        relative_path(name)
