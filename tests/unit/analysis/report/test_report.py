import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from analysis import collect, ground_truth
from analysis.report.summary import labelled, summarise_labelled
from analysis.threshold import Costs
from scones.__main__ import main
from tests.capture_records import Write, record
from training import source
from training.dataset import build, write

CLASSES = ("bicycle", "motorcycle")


def test_the_figures_of_real_captures(
    real_captures: Path, real_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    staged = str(write(build(source.from_archive(real_archive), CLASSES), tmp_path / "datasets"))
    out = tmp_path / "report"
    options = ["--dataset", staged, "--truth", staged, "--out", str(out)]
    assert main(["report", str(real_captures), *options]) == 0

    figures = json.loads((out / "summary.json").read_text())
    assert figures["records"] == figures["predictions"] == 22
    assert figures["different_pictures"] == 21
    assert figures["skipped"] == {}
    assert figures["truth"]["records"] == 22

    labels = ground_truth.read(staged)
    records = collect(real_captures, classes=CLASSES, fingerprints=True)
    rows = ground_truth.join(records, labels).frame
    best = rows[["p0", "p1"]].to_numpy().argmax(axis=1)
    true = rows["true_class"].to_numpy(int)
    accuracy = figures["truth"]["accuracy"]
    assert accuracy["value"] == pytest.approx(accuracy_score(true, best))
    interval = binomtest(int((true == best).sum()), 22).proportion_ci(method="wilson")
    assert (accuracy["low"], accuracy["high"]) == pytest.approx((interval.low, interval.high))
    assert figures["truth"]["confusion"] == confusion_matrix(true, best).tolist()

    # One picture was sent twice; of the 21, 18 are right and 14 accepted, 13 of them right.
    distinct = rows.drop_duplicates("fingerprint")
    known = labelled(distinct)
    assert known is not None
    accepted = known.confidence >= 0.93
    counts = (
        known.correct.size,
        known.correct.sum(),
        accepted.sum(),
        known.correct[accepted].sum(),
    )
    assert counts == (21, 18, 14, 13)

    html = (out / "report.html").read_text(encoding="utf-8")
    assert "19 of them correct" in html
    assert html.count("Training picture of bicycle") == 8
    for name in figures["pictures"]:
        with Image.open(out / "pictures" / name) as picture:
            assert picture.size == (1600, 900)
    assert "captured 22 predictions" in capsys.readouterr().out


def test_weights_of_a_sample_reach_every_estimate(write: Write) -> None:
    outputs = {"sure": "[0.99, 0.01]", "sure too": "[0.98, 0.02]", "doubtful": "[0.45, 0.55]"}
    folder = write(*(record(name, output=output) for name, output in outputs.items()))
    records = collect(folder, classes=CLASSES)
    frame = records.frame.assign(
        true_class=pd.array([0, 0, 0], dtype="Int16"),
        weight=records.frame["event_id"].map({"sure": 90.0, "sure too": 90.0, "doubtful": 20.0}),
    )
    known = labelled(frame)
    assert known is not None
    choice = known.choose_threshold(present=0.5, costs=Costs())
    found = summarise_labelled(known, choice, classes=2)

    assert found.weighted
    assert found.accuracy.value == pytest.approx(0.9)
    assert found.cost_per_1000["0.5"].value == pytest.approx(1000)  # 100 wrong routings of 10
    assert found.cost_per_1000["0.9"].value == pytest.approx(100)
    assert found.calibration.error == pytest.approx(abs(0.9 - (0.99 * 90 + 0.98 * 90 + 11) / 200))
    assert found.confusion == [[2, 1], [0, 0]]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a report whose plots are not drawn: their files are empty."""
    monkeypatch.setattr("analysis.report.build.png", lambda plot: b"")
    monkeypatch.setattr("analysis.report.build.svg", lambda plot: "")
    return tmp_path / "report"


def report(captures: Path, out: Path, *options: str) -> int:
    """Return the exit code of a report on captures of two classes."""
    classes = ",".join(CLASSES)
    return main(["report", str(captures), "--classes", classes, "--out", str(out), *options])


def summary_of(out: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_the_next_report_compares_with_the_last_and_replaces_it(
    write: Write, tmp_path: Path, out: Path
) -> None:
    labels = tmp_path / "labels.csv"
    folder = write(record("one"), record("two"))
    labels.write_text("event_id,label\none,0\ntwo,1\n")
    assert report(folder, out, "--truth", str(labels)) == 0
    assert "There is no previous report" in (out / "report.html").read_text()
    assert (out / "pictures" / "reliability.png").exists()
    kept = out / "pictures" / "mine.png"
    kept.touch()

    write(record("three"), name="b.jsonl")
    assert report(folder, out) == 0
    assert "It covered 2 records; this one covers 3." in (out / "report.html").read_text()
    assert not (out / "pictures" / "reliability.png").exists()
    assert kept.exists()


def test_a_named_report_is_compared_with(write: Write, tmp_path: Path, out: Path) -> None:
    folder = write(record("one"))
    assert report(folder, tmp_path) == 0
    assert report(folder, out, "--previous", str(tmp_path / "summary.json")) == 0

    assert "It covered the same captures." in (out / "report.html").read_text()


@pytest.mark.parametrize(
    "changed",
    [
        {"workflow": {}, "format": None},
        {"predicted": {"bicycle": 1}},
        {"predictions": -1},
        {"records": 2**64},
        {"predicted": {"bicycle": 10**400, "motorcycle": 0}},
        {"first": "2024-10-15T14:05:12", "last": "2024-10-15T14:05:12"},
        {"mean_confidence": float("nan")},
        {"accepted": {"value": float("nan"), "low": 0, "high": 1, "records": 1}},
        {"accepted": {"value": 0.5, "low": 0, "high": 1, "records": -1}},
        {"accepted": {"value": 1e308, "low": 0, "high": 1, "records": 1}},
    ],
    ids=lambda changed: str(changed)[:50],
)
def test_a_damaged_summary_does_not_stop_the_report(
    changed: dict[str, Any], write: Write, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captures = write(record("one"))
    assert report(captures, out) == 0
    (out / "summary.json").write_text(json.dumps(summary_of(out) | changed))

    assert report(captures, out) == 0
    assert "is not the summary.json of a report" in caplog.text


def test_skipped_labels_are_printed_before_any_number(
    write: Write, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "event_id;label;weight\none;motorcycle;4,7\ntwo;bicycle;-1\nthree;[red]\x1b[2J;2\n"
    )
    folder = write(record("one"), record("two"), record("three"))

    assert report(folder, out, "--truth", str(labels)) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == (
        f"Rows or lines that are not labels: 1; first in {labels}, line 3: "
        "weight '-1' is out of range; expected 1e-06 to 1e+09"
    )
    assert printed[1] == (
        f"Labels that name no class: 1; first in {labels}, line 4: "
        r"label '[red]\x1b[2J' is none of bicycle, motorcycle"
    )
    assert printed[2].startswith("The endpoint captured 3 predictions")
    assert any(line.startswith("Of the 1 labelled prediction, ") for line in printed[3:])


def test_no_captures_have_a_report_that_says_so_and_their_own_exit_code(
    tmp_path: Path, out: Path
) -> None:
    assert report(tmp_path, out) == 3
    html = (out / "report.html").read_text()
    assert "No predictions were captured" in html and "Every line was used" in html
    assert summary_of(out)["predictions"] == 0


@pytest.mark.parametrize(
    ("captures", "options", "reason"),
    [
        ("no/such/folder", [], "nothing at 'no/such/folder'"),
        (".", ["--dataset", "/nowhere"], "/nowhere/manifest.json cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(
    captures: str,
    options: list[str],
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(Path(captures), tmp_path, *options) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "options", [["--threshold", "93"], ["--hand-check-cost", "0"], ["--wrong-routing-cost", "nan"]]
)
def test_impossible_options_are_wrong_usage(options: list[str], tmp_path: Path) -> None:
    assert report(tmp_path, tmp_path, *options) == 2


@pytest.mark.parametrize("name", ["../../mine.txt", "{folder}/mine.txt"])
def test_a_summary_that_names_files_elsewhere_removes_nothing(
    write: Write, tmp_path: Path, out: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.txt"
    mine.touch()
    captures = write(record("one"))
    assert report(captures, out) == 0
    summary = summary_of(out)
    earlier = [out / "pictures" / picture for picture in summary["pictures"]]
    summary["pictures"].append(name.format(folder=tmp_path))
    (out / "summary.json").write_text(json.dumps(summary))

    assert report(captures, out) == 1
    printed = capsys.readouterr().err
    assert "mine.txt' is not a path below its folder" in printed
    assert "summary.json, pictures: " in printed and "remove the file" in printed
    assert mine.exists()
    assert all(picture.exists() for picture in earlier)


@pytest.mark.parametrize("name", ["pictures", "report.html", "summary.json"])
def test_a_link_in_the_folder_is_refused_and_nothing_is_written_through_it(
    write: Write, tmp_path: Path, out: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.mkdir()
    (out / name).symlink_to(elsewhere if name == "pictures" else elsewhere / "mine.txt")

    assert report(write(record("one")), out) == 1
    assert f"{out / name} is a link" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())
    assert [path.name for path in out.iterdir()] == [name]


def test_file_names_that_are_not_text_are_shown_nevertheless(
    write: Write, tmp_path: Path, out: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"\xff") / "[red]/$v$/2026/01/01/00"
    folder.parent.mkdir(parents=True)
    write(record("one")).rename(folder)

    assert report(folder.parents[5], out) == 0
    summary = summary_of(out)
    assert summary["captures"].endswith("/\\xff")
    assert list(summary["variants"]) == ["[red]/$v$"]
