"""A home folder that cannot be written is no reason for a traceback."""

from pathlib import Path

import pytest

from stacks.package_cache import VARIABLE, choose_package_cache


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A folder that nobody can write into, not even root, to whom modes do not matter."""
    file = tmp_path / "file"
    file.touch()
    return file / "folder"


def test_the_usual_place_stays_where_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment: dict[str, str] = {}
    choose_package_cache(environment, tmp_path / "project")
    assert environment == {}


def test_an_unwritable_home_moves_the_cache_into_the_project(
    tmp_path: Path, unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(unwritable))
    environment: dict[str, str] = {}
    choose_package_cache(environment, tmp_path)
    assert environment == {VARIABLE: str(tmp_path / ".cache" / "jsii")}


def test_what_the_user_chose_stays(unwritable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(unwritable))
    environment = {VARIABLE: "/somewhere"}
    choose_package_cache(environment, unwritable)
    assert environment == {VARIABLE: "/somewhere"}


def test_nothing_writable_is_refused_with_the_remedy(
    unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(unwritable))
    with pytest.raises(SystemExit, match=f"neither can be written; let {VARIABLE} name a folder"):
        choose_package_cache({}, unwritable)
