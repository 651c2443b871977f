#!/usr/bin/env python3
"""Run the checks with the newest versions of all packages, and name the version that breaks them.

Needs the same as .ci/run. If all checks pass, the new pins stay in the checkout, to be committed.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ("requirements", "package-lock.json")
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
PARTS = ("lint", "test")  # of .ci/run: both run, so that a new linter hides no failed test

Package = tuple[str, str]  # what updates it, its name


def main() -> int:
    """Return 0 if everything passes with the newest versions, 1 if not."""
    if _run("git", "diff", "--quiet", "HEAD", "--", *PINS) != 0:
        print(f"{', '.join(PINS)} differ from the last commit: commit or discard that first")
        return 1
    before = versions()
    _update("update")
    after = versions()
    # npm sorts first: a newer CDK CLI reads the output of an older library, not the reverse.
    # Packages that are new altogether come with those that need them.
    changed = sorted(name for name in before if before[name] != after.get(name))
    print("\n".join(["Newest versions:", *_differences(before, after)]) if changed else "No news.")
    failed = [part for part in PARTS if not _make(part)]
    failed_tests = (ROOT / LAST_FAILED).read_text() if (ROOT / LAST_FAILED).exists() else None
    for part in failed:
        print(f"\n`make {part}` fails. {blame(part, changed, failed_tests)}")
    if failed:
        _restore()
    else:
        print("\nAll checks pass with them.")
    return 1 if failed else 0


def blame(part: str, changed: Sequence[Package], failed_tests: str | None) -> str:
    """Bisect which of the changed packages makes a part of the checks fail, and describe it."""
    found: dict[int, dict[Package, str]] = {}

    def fails(count: int) -> bool:
        _restore()
        for verb in ("update-node", "update-python"):
            if names := [name for tool, name in changed[:count] if tool == verb]:
                _update(verb, f"PACKAGES={' '.join(names)}")
        found[count] = versions()
        if failed_tests is not None:  # a run that passes empties it
            (ROOT / LAST_FAILED).write_text(failed_tests)
        return not _make(part, PYTEST_ADDOPTS="--last-failed --maxfail=1")

    if fails(0):
        return "It also fails with the pinned versions: none of the new ones is to blame."
    good, bad = 0, len(changed)
    if not fails(bad):
        return "It passes at the second try: the check is flaky, no version is to blame."
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if fails(middle) else (middle, bad)
    return "\n".join(
        ["It passes without this update, and fails with:", *_differences(found[good], found[bad])]
    )


def versions() -> dict[Package, str]:
    """Return the pinned version of every package; several if platforms differ."""
    found: dict[Package, set[str]] = {}
    for name in ("dev", "node"):
        text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
        for package, version in re.findall(r"^([^\s=#]+)==(\S+)", text, re.MULTILINE):
            found.setdefault(("update-python", package), set()).add(version)
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for path, entry in lock["packages"].items():
        if path:
            package = path.rpartition("node_modules/")[2]
            found.setdefault(("update-node", package), set()).add(entry["version"])
    return {package: ", ".join(sorted(of)) for package, of in found.items()}


def _differences(old: dict[Package, str], new: dict[Package, str]) -> list[str]:
    return [
        f"- {package[1]}: {old.get(package, 'none')} -> {new.get(package, 'none')}"
        for package in sorted({package for package, _ in old.items() ^ new.items()})
    ]


def _update(*arguments: str) -> None:
    if not _make(*arguments):
        sys.exit(f"`make {' '.join(arguments)}` failed: its output says why")


def _restore() -> None:
    if _run("git", "checkout", "--quiet", "HEAD", "--", *PINS) != 0:
        sys.exit(f"git could not restore {', '.join(PINS)}: its output says why")


def _make(*arguments: str, **environment: str) -> bool:
    return _run("make", "--no-print-directory", *arguments, **environment) == 0


def _run(*command: str, **environment: str) -> int:
    # Their output goes to stderr: stdout is the report.
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=sys.stderr, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
