"""Pictures for hand labelling: stratified, weighted, and nobody's work overwritten."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis import truth
from analysis.records import collect
from analysis.sample import pick
from analysis.skips import Kind, Tally
from lambda_src.shared.spreadsheets import quote_formulas
from scones.__main__ import main

CLASSES = ("bicycle", "motorcycle")

Write = Callable[..., Path]
Record = Callable[..., dict[str, Any]]
Png = Callable[..., bytes]


def at(record: Record, confidence: float, number: int, **more: Any) -> dict[str, Any]:
    """Record `number` of those with this confidence."""
    output = f"[{confidence}, {1 - confidence:.6f}]"
    return record(f"{confidence}-{number}", output=output, **more)


@pytest.fixture
def uneven(write: Write, record: Record) -> Path:
    """100 confident records, 4 in doubt, 1 at the threshold."""
    records = [at(record, 0.995, i) for i in range(100)] + [at(record, 0.7, i) for i in range(4)]
    return write(*records, at(record, 0.93, 0))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_every_stratum_is_picked_and_weights_add_up_to_the_records(uneven: Path) -> None:
    picked = pick(uneven, classes=CLASSES, count=11, tally=Tally())

    numbers = Counter(each.sample.confidence for each in picked)
    weights = {each.sample.confidence: each.weight for each in picked}
    assert numbers == {0.995: 6, 0.7: 4, 0.93: 1}
    assert weights == {0.995: pytest.approx(100 / 6), 0.7: 1.0, 0.93: 1.0}
    assert sum(each.weight for each in picked) == pytest.approx(105)
    assert len({each.sample.event_id for each in picked}) == 11


def test_the_threshold_divides_the_strata(write: Write, record: Record) -> None:
    folder = write(*(at(record, 0.85, i) for i in range(10)), at(record, 0.91, 0))
    picked = pick(folder, classes=CLASSES, count=2, threshold=0.9, tally=Tally())

    assert {each.sample.confidence: each.weight for each in picked} == {0.85: 10, 0.91: 1}


def test_the_weighted_share_is_the_accuracy_on_average(uneven: Path) -> None:
    # Right are the first 25 confident ones and none else: 25 of 105.
    right = {f"0.995-{i}" for i in range(25)}
    estimates = []
    for seed in range(100):
        picked = pick(uneven, classes=CLASSES, count=11, tally=Tally(), seed=seed)
        hits = sum(each.weight for each in picked if each.sample.event_id in right)
        estimates.append(hits / sum(each.weight for each in picked))

    # One estimate's standard deviation is 0.17, that of the mean of 100 is 0.017.
    assert sum(estimates) / len(estimates) == pytest.approx(25 / 105, abs=0.06)


def test_fewer_records_than_asked_for_are_all_picked(uneven: Path) -> None:
    picked = pick(uneven, classes=CLASSES, count=1000, tally=Tally())

    assert len(picked) == 105
    assert {each.weight for each in picked} == {1.0}


def test_what_cannot_be_labelled_is_counted(write: Write, record: Record, picture: Png) -> None:
    folder = write(
        record("good"),
        record("damaged", content=picture(1)[:40]),
        record("text", content=b"1,2,3"),
        record("three", output="[0.2, 0.3, 0.5]"),
        record("silent", output=None),
        record("good"),
    )
    tally = Tally()
    picked = pick(folder, classes=CLASSES, count=10, tally=tally)

    assert [each.sample.event_id for each in picked] == ["good"]
    assert tally.counts == {
        Kind.NO_PICTURE: 2,
        Kind.CLASS_COUNT: 1,
        Kind.NO_OUTPUT: 1,
        Kind.DUPLICATE: 1,
    }


def test_the_filled_csv_is_ground_truth(
    uneven: Path,
    tmp_path: Path,
    picture: Png,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "sample"
    main(
        [
            "sample",
            str(uneven),
            "--classes",
            "bicycle,motorcycle",
            "--count",
            "6",
            "--out",
            str(out),
        ]
    )
    written = rows(out / "labels.csv")

    assert "6 pictures" in capsys.readouterr().out
    assert list(written[0]) == ["file", "event_id", "inference_id", "label", "weight"]
    assert {row["label"] for row in written} == {""}
    assert all((out / row["file"]).read_bytes() == picture(10) for row in written)

    with (out / "labels.csv").open("w", newline="") as file:
        filled = csv.DictWriter(file, fieldnames=list(written[0]))
        filled.writeheader()
        filled.writerows([*({**row, "label": "bicycle"} for row in written[:4]), *written[4:]])
    joined = truth.join(collect(uneven, classes=CLASSES), truth.read(out / "labels.csv"))
    assert joined.matched == 4
    assert joined.records.skips.counts == {Kind.NOT_LABELLED: 2}
    known = joined.records.frame.dropna(subset=["truth"]).set_index("event_id")
    assert known.weight.to_dict() == {row["event_id"]: float(row["weight"]) for row in written[:4]}


@pytest.mark.parametrize(
    "identifier", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'=1", "a;=1"]
)
def test_an_id_that_is_a_formula_is_quoted_and_read_back(
    identifier: str, write: Write, record: Record, tmp_path: Path
) -> None:
    captures = write(at(record, 0.7, 0, inference_id=identifier), record(identifier))
    out = tmp_path / "sample"
    main(["sample", str(captures), "--classes", "bicycle,motorcycle", "--out", str(out)])
    written = rows(out / "labels.csv")

    ids = {row["inference_id"] or row["event_id"] for row in written}
    assert ids == {str(quote_formulas(identifier))}
    assert identifier not in ids

    with (out / "labels.csv").open("w", newline="") as file:
        filled = csv.DictWriter(file, fieldnames=list(written[0]))
        filled.writeheader()
        for row in written:  # found by the inference id alone where there is one
            filled.writerow(
                {**row, "event_id": "" if row["inference_id"] else row["event_id"], "label": "0"}
            )
    joined = truth.join(collect(captures, classes=CLASSES), truth.read(out / "labels.csv"))
    assert joined.matched == 2


def test_what_is_not_used_is_said_with_file_and_line(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (uneven / "z.jsonl").write_text("{}\n\n{")
    main(["sample", str(uneven), "--classes", "bicycle,motorcycle", "--out", str(tmp_path / "out")])

    said = capsys.readouterr().out
    assert "2 lines that are no capture record; the first: " in said
    assert "z.jsonl, line 1: captureData: Field required" in said


def test_labels_are_never_overwritten(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("my work")

    assert main(["sample", str(uneven), "--classes", "a,b", "--out", str(tmp_path)]) == 1
    assert re.search(r"labels.csv is there already", capsys.readouterr().err)
    assert (tmp_path / "labels.csv").read_text() == "my work"


def test_a_picture_is_not_written_through_a_link(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, out = tmp_path / "mine.png", tmp_path / "out"
    mine.write_text("mine")
    out.mkdir()
    (out / "0001.png").symlink_to(mine)

    assert main(["sample", str(uneven), "--classes", "bicycle,motorcycle", "--out", str(out)]) == 1
    assert re.search(r"0001\.png is a link", capsys.readouterr().err)
    assert mine.read_text() == "mine"


def test_nothing_to_pick_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(tmp_path), "--classes", "a,b", "--out", str(tmp_path / "out")]) == 1
    assert re.search("no picture with an answer", capsys.readouterr().err)
    assert (
        main(["sample", str(tmp_path / "gone"), "--classes", "a,b", "--out", str(tmp_path / "out")])
        == 1
    )
    assert re.search("nothing at", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--count", "0"],
        *(["--classes", text] for text in (",", "a,,b", "a,a", "a\nb,c", "\udcff,a")),
    ],
)
def test_wrong_usage_is_exit_code_2(wrong: list[str], tmp_path: Path) -> None:
    assert main(["sample", str(tmp_path), "--classes", "a,b", *wrong]) == 2
