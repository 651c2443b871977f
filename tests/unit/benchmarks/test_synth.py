"""The benchmark's arithmetic, and that both apps really run in both ways."""

import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import synth


def test_all_take_turns_and_the_first_round_is_not_kept() -> None:
    ran: list[tuple[str, str]] = []

    def run(app: Path, way: str) -> float:
        ran.append((way, app.name))
        return float(len(ran))

    seconds = synth.measure(2, run, show_progress=False)

    turns = [(way, app) for way in synth.WAYS for app in ("one_bucket.py", "app.py")]
    assert ran == turns * 3
    assert seconds == {
        synth.BY_CLI: {synth.ONE_BUCKET: [5, 9], synth.WHOLE_APP: [6, 10]},
        synth.ALONE: {synth.ONE_BUCKET: [7, 11], synth.WHOLE_APP: [8, 12]},
    }


def test_the_ratio_is_of_the_medians_of_one_way() -> None:
    by_cli = {synth.ONE_BUCKET: [2.0, 3.0, 60.0], synth.WHOLE_APP: [6.0, 90.0, 5.9]}
    alone = {synth.ONE_BUCKET: [1.0, 2.0, 60.0], synth.WHOLE_APP: [3.0, 90.0, 2.9]}
    seconds = {synth.BY_CLI: by_cli, synth.ALONE: alone}

    console = Console(record=True, width=100)
    console.print(synth.table(seconds))

    assert synth.ratio(by_cli) == 2
    assert synth.ratio(alone) == 1.5
    assert ["app", "alone", "whole", "app", "3.00", "2.90", "90.00", "1.50"] in [
        line.replace("│", " ").split() for line in console.export_text().splitlines()
    ]
    assert synth.aim(seconds) == "aim: a ratio of about 2; measured: cdk synth 2.00, app alone 1.50"


@pytest.mark.parametrize("way", synth.WAYS)
def test_a_synthesis_is_timed(way: str) -> None:
    assert synth.seconds_of(synth.APPS[synth.ONE_BUCKET], way) > 0


@pytest.mark.parametrize("way", synth.WAYS)
def test_an_app_that_fails_is_named_with_its_words(tmp_path: Path, way: str) -> None:
    app = tmp_path / "broken.py"
    app.write_text("raise SystemExit('no such bucket')")

    with pytest.raises(synth.SynthesisFailedError, match=r"(?s)broken\.py: exit code 1.*no such"):
        synth.seconds_of(app, way)


def test_without_the_cli_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(synth.SynthesisFailedError, match="run: make setup"):
        synth.seconds_of(synth.APPS[synth.ONE_BUCKET], synth.BY_CLI)


def test_a_shell_that_is_logged_in_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "CDK_DEFAULT_ACCOUNT"):
        monkeypatch.setenv(name, "somebody")

    assert "somebody" not in synth.environment().values()


def test_the_toolchain_is_named() -> None:
    assert synth.toolchain().startswith("Node.js v")
