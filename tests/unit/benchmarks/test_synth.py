"""The benchmark's arithmetic, and that both apps really run."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import synth


def test_the_apps_take_turns_and_the_first_round_is_not_kept() -> None:
    ran: list[str] = []

    def run(app: Path) -> float:
        ran.append(app.name)
        return float(len(ran))

    seconds = synth.measure(2, run, show_progress=False)

    assert ran == ["one_bucket.py", "app.py"] * 3
    assert seconds == {synth.ONE_BUCKET: [3, 5], synth.WHOLE_APP: [4, 6]}


def test_the_ratio_is_of_the_medians() -> None:
    seconds = {synth.ONE_BUCKET: [1.0, 2.0, 60.0], synth.WHOLE_APP: [3.0, 90.0, 2.9]}

    console = Console(record=True, width=100)
    console.print(synth.table(seconds))

    assert synth.ratio(seconds) == 1.5
    assert ["whole", "app", "3.00", "2.90", "90.00", "1.50"] in [
        line.replace("│", " ").split() for line in console.export_text().splitlines()
    ]


def test_a_synthesis_is_timed() -> None:
    assert 0 < synth.seconds_of(synth.APPS[synth.ONE_BUCKET]) < 60


def test_an_app_that_fails_is_named_with_its_words(tmp_path: Path) -> None:
    app = tmp_path / "broken.py"
    app.write_text("raise SystemExit('no such bucket')")

    with pytest.raises(synth.SynthesisFailedError, match=r"(?s)broken\.py: exit code 1.*no such"):
        synth.seconds_of(app)
