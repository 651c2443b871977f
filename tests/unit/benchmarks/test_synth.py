"""Both apps take turns; a synthesis runs, and its failures are named."""

import sys
from pathlib import Path

import pytest

from benchmarks import synth


def test_apps_take_turns_and_the_first_round_is_discarded() -> None:
    ran: list[Path] = []

    def seconds_of(app: Path) -> float:
        ran.append(app)
        return float(len(ran))

    (row,) = synth.run(2, seconds_of).rows

    assert ran == [synth.WHOLE_APP, synth.ONE_BUCKET] * 3
    assert (row.ours, row.comparator) == ([3, 5], [4, 6])


def test_a_synthesis_is_timed() -> None:
    assert synth.seconds_of(synth.ONE_BUCKET) > 0


def test_an_app_that_fails_is_named_with_its_words(tmp_path: Path) -> None:
    app = tmp_path / "broken.py"
    app.write_text("raise SystemExit('no such bucket')")

    with pytest.raises(synth.SynthesisFailedError, match=r"(?s)broken\.py: exit code 1.*no such"):
        synth.seconds_of(app)


def test_without_the_cli_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(synth.SynthesisFailedError, match="run: make setup"):
        synth.seconds_of(synth.ONE_BUCKET)


def test_a_shell_that_is_logged_in_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "CDK_DEFAULT_ACCOUNT"):
        monkeypatch.setenv(name, "somebody")

    assert "somebody" not in synth.environment().values()
