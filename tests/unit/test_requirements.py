"""The compiled requirements are those of the inputs, agree with each other, and are complete."""

import re
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
INPUTS = sorted(path.stem for path in FOLDER.glob("*.in"))
RECOMPILE = "make update-python PACKAGES=NAME pins what an input names anew"


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is more than a comment, and its comment."""
    for line in path.read_text(encoding="utf-8").splitlines():
        text, _, comment = line.partition("#")
        if text.strip():
            yield text.strip(), comment.strip()


def _wanted(name: str) -> Iterator[tuple[str, Requirement]]:
    """Each direct dependency of a set and the input that names it."""
    for text, _ in _lines(FOLDER / f"{name}.in"):
        if text.startswith("-r "):
            yield from _wanted(text.removeprefix("-r ").removesuffix(".in"))
        else:
            yield f"-r requirements/{name}.in", Requirement(text)


def _pins(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each compiled requirement of a set, and what needs it."""
    return [
        (Requirement(text), comment.removeprefix("via ").split(", "))
        for text, comment in _lines(FOLDER / f"{name}.txt")
    ]


def _version(pin: Requirement) -> str:
    exact = re.fullmatch(r"==([^*,]+)", str(pin.specifier))
    assert exact, f"{pin} is no exact version"
    return exact[1]


@pytest.mark.parametrize("name", INPUTS)
def test_a_compiled_set_has_what_its_input_names(name: str) -> None:
    pins = _pins(name)
    for source, wanted in _wanted(name):
        found = [pin for pin, via in pins if pin.name == wanted.name and source in via]
        fitting = [pin for pin in found if wanted.specifier.contains(_version(pin))]
        assert fitting, f"{source} names {wanted}, {name}.txt has {found or 'none'}; {RECOMPILE}"
        assert wanted.marker or fitting == found, f"{source} names {wanted}; {RECOMPILE}"


@pytest.mark.parametrize("name", INPUTS)
def test_a_compiled_set_has_nothing_that_is_not_needed(name: str) -> None:
    wanted = {(source, requirement.name) for source, requirement in _wanted(name)}
    pins = _pins(name)
    names = {pin.name for pin, _ in pins}
    for pin, via in pins:
        for source in via:
            needed = (source, pin.name) in wanted if source.startswith("-r") else source in names
            assert needed, f"{name}.txt has {pin} for {source!r}, which is gone; make update-python"


@pytest.mark.parametrize("name", sorted({*INPUTS} - {"dev", "node"}))
def test_sets_agree_on_versions(name: str) -> None:
    def versions(of: str) -> set[tuple[str, str]]:
        return {(pin.name, _version(pin)) for pin, _ in _pins(of)}

    assert versions(name) <= versions("dev")


def test_all_that_an_installed_package_needs_is_pinned() -> None:
    """Pip installs them without dependencies: what is missing here would be missing there."""
    pins = {pin.name: pin for pin, _ in _pins("dev") if not pin.marker or pin.marker.evaluate()}
    seen = 0
    for distribution in distributions():
        if (pin := pins.get(canonicalize_name(distribution.name))) is None:
            continue
        assert distribution.version == _version(pin), f"{pin} is pinned; make setup-dev"
        seen += 1
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker and not needed.marker.evaluate({"extra": ""}):
                continue
            name = canonicalize_name(needed.name)
            assert name in pins, f"{pin} needs {needed}, which is not pinned; make update-python"
            assert needed.specifier.contains(_version(pins[name])), f"{pin} needs {needed}"
    assert seen > len(pins) / 2


def test_no_file_names_where_packages_come_from() -> None:
    for path in (*FOLDER.iterdir(), ROOT / "requirements.txt", ROOT / "package-lock.json"):
        text = path.read_text(encoding="utf-8")
        options = re.findall(r"--(?:extra-)?index-url|--find-links|--trusted-host", text)
        assert not options, path.name
        assert '"resolved"' not in text, path.name
