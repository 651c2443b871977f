import re
from pathlib import Path

import pytest

from training.paths import cache_folder, relative_path, writable_path


@pytest.mark.parametrize("name", ["a.png", "scones/blue/a.jsonl", "a..b/..c", "...", "a b/=1+1"])
def test_names_below_a_folder_are_unchanged(name: str) -> None:
    assert relative_path(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/x", "a//x", "a/", "./x", "a\0b"]
)
def test_all_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name!r} is not a path below its folder")):
        relative_path(name)


def test_a_link_below_the_folder_is_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.symlink_to(outside)
    (outside / "link").symlink_to(tmp_path)
    (outside / "gone").symlink_to(tmp_path / "nowhere")

    assert writable_path(folder, "a/b.png") == folder / "a" / "b.png"
    for name in ("link", "link/b.png", "gone"):
        with pytest.raises(FileExistsError, match=r"folder/(link|gone) is a link.*remove the link"):
            writable_path(folder, name)
    with pytest.raises(ValueError, match="is not a path below"):
        writable_path(folder, "../b.png")


def test_cache_folder_follows_the_desktop_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/scones")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path.home() / ".cache/scones"
