import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analysis import ground_truth
from analysis.labelling import pick
from analysis.records import collect
from analysis.skipped_lines import Kind, SkippedLines
from lambda_src.shared.spreadsheets import quote_formulas
from scones.__main__ import main
from tests.capture_records import PNG, Write, png, record
from tests.odd_pictures import encoded, photo

CLASSES = ("bicycle", "motorcycle")


def at(confidence: float, number: int, **more: Any) -> dict[str, Any]:
    """Record `number` of those with this confidence."""
    output = f"[{confidence}, {1 - confidence:.6f}]"
    return record(f"{confidence}-{number}", output=output, **more)


@pytest.fixture
def uneven(write: Write) -> Path:
    """100 confident records, 4 in doubt, 1 at the threshold."""
    records = [at(0.995, i) for i in range(100)] + [at(0.7, i) for i in range(4)]
    return write(*records, at(0.93, 0))


def sample(captures: Path, out: Path, *options: str) -> int:
    return main(
        ["sample", str(captures), "--classes", ",".join(CLASSES), "--out", str(out), *options]
    )


def test_the_hint_lists_classes_of_any_name(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(uneven, tmp_path / "two") == 0
    assert "(bicycle or motorcycle), or none" in capsys.readouterr().out

    output = json.dumps([0.01] * 100)
    captures = tmp_path / "many"
    captures.mkdir()
    line = json.dumps(record(output=output, content=encoded(photo().resize((600, 400)), "JPEG")))
    (captures / "a.jsonl").write_text(line)
    names = ["scone, burnt", *(f"class {number}" for number in range(99))]
    options = ["--classes", json.dumps(names), "--out", str(tmp_path / "hundred")]
    assert main(["sample", str(captures), *options]) == 0
    assert "(one of “scone, burnt”, “class 0”, " in capsys.readouterr().out
    assert [row["file"] for row in rows(tmp_path / "hundred")] == ["0001.jpeg"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as text:
        return list(csv.DictReader(text))


def fill(folder: Path, filled: list[dict[str, str]]) -> Path:
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)
    return folder / "labels.csv"


def test_every_stratum_is_picked_and_weights_add_up_to_the_records(uneven: Path) -> None:
    picked = pick(uneven, classes=CLASSES, count=11, skipped=SkippedLines())

    numbers = Counter(each.picture.confidence for each in picked)
    weights = {each.picture.confidence: each.weight for each in picked}
    assert numbers == {0.995: 6, 0.7: 4, 0.93: 1}
    assert weights == {0.995: pytest.approx(100 / 6), 0.7: 1.0, 0.93: 1.0}
    assert sum(each.weight for each in picked) == pytest.approx(105)
    assert len({each.picture.event_id for each in picked}) == 11


def test_the_threshold_divides_the_strata(write: Write) -> None:
    folder = write(*(at(0.85, i) for i in range(10)), at(0.91, 0))
    picked = pick(folder, classes=CLASSES, count=2, threshold=0.9, skipped=SkippedLines())

    assert {each.picture.confidence: each.weight for each in picked} == {0.85: 10, 0.91: 1}


def test_the_weighted_share_is_the_accuracy_on_average(uneven: Path) -> None:
    # Right are the first 25 confident ones and none else: 25 of 105.
    right = {f"0.995-{i}" for i in range(25)}
    estimates = []
    for seed in range(100):
        picked = pick(uneven, classes=CLASSES, count=11, skipped=SkippedLines(), seed=seed)
        hits = sum(each.weight for each in picked if each.picture.event_id in right)
        estimates.append(hits / sum(each.weight for each in picked))

    # One estimate's standard deviation is 0.17, that of the mean of 100 is 0.017.
    assert sum(estimates) / len(estimates) == pytest.approx(25 / 105, abs=0.06)


def test_fewer_records_than_asked_for_are_all_picked(uneven: Path) -> None:
    picked = pick(uneven, classes=CLASSES, count=1000, skipped=SkippedLines())

    assert len(picked) == 105
    assert {each.weight for each in picked} == {1.0}


def test_what_cannot_be_labelled_is_counted(write: Write) -> None:
    folder = write(
        record("good"),
        record("damaged", content=png(1)[:40]),
        record("text", content=b"1,2,3"),
        record("three", output="[0.2, 0.3, 0.5]"),
        record("silent", output=None),
        record("good"),
    )
    skipped = SkippedLines()
    picked = pick(folder, classes=CLASSES, count=10, skipped=skipped)

    assert [each.picture.event_id for each in picked] == ["good"]
    assert skipped.counts == {
        Kind.NO_PICTURE: 2,
        Kind.CLASS_COUNT: 1,
        Kind.NO_OUTPUT: 1,
        Kind.DUPLICATE: 1,
    }


def test_the_filled_csv_is_ground_truth(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sample"
    sample(uneven, out, "--count", "6")
    written = rows(out)

    assert "6 pictures" in capsys.readouterr().out
    assert list(written[0]) == ["file", "event_id", "inference_id", "label", "weight"]
    assert {row["label"] for row in written} == {""}
    assert all((out / row["file"]).read_bytes() == PNG for row in written)

    file = fill(out, [*({**row, "label": "bicycle"} for row in written[:4]), *written[4:]])
    joined = ground_truth.join(collect(uneven, classes=CLASSES), ground_truth.read(file))
    assert joined.skipped.counts == {Kind.NOT_LABELLED: 2}
    known = joined.frame.dropna(subset=["true_class"]).set_index("event_id")
    assert known.weight.to_dict() == {row["event_id"]: float(row["weight"]) for row in written[:4]}


@pytest.mark.parametrize(
    "identifier", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'=1", "a;=1"]
)
def test_an_id_that_is_a_formula_is_quoted_and_read_back(
    identifier: str, write: Write, tmp_path: Path
) -> None:
    captures = write(at(0.7, 0, inference_id=identifier), record(identifier))
    out = tmp_path / "sample"
    sample(captures, out)
    written = rows(out)

    ids = {row["inference_id"] or row["event_id"] for row in written}
    assert ids == {str(quote_formulas(identifier))}
    assert identifier not in ids

    for row in written:  # found by the inference id alone where there is one
        row |= {"event_id": "" if row["inference_id"] else row["event_id"], "label": "0"}
    labels = ground_truth.read(fill(out, written))
    joined = ground_truth.join(collect(captures, classes=CLASSES), labels)
    assert joined.frame.true_class.tolist() == [0, 0]


def test_skipped_lines_are_printed_with_file_and_line(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (uneven / "z.jsonl").write_text("{}\n\n{")
    sample(uneven, tmp_path / "out")

    printed = capsys.readouterr().out
    assert "Lines that are not capture records: 2; first in " in printed
    assert "z.jsonl, line 1: captureData: Field required" in printed


def test_labels_are_never_overwritten(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("my work")

    assert sample(uneven, tmp_path) == 1
    assert "labels.csv exists" in capsys.readouterr().err
    assert (tmp_path / "labels.csv").read_text() == "my work"


def test_a_picture_is_not_written_through_a_link(
    uneven: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, out = tmp_path / "mine.png", tmp_path / "out"
    mine.write_text("mine")
    out.mkdir()
    (out / "0001.png").symlink_to(mine)

    assert sample(uneven, out) == 1
    assert "0001.png is a link" in capsys.readouterr().err
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("folder", "reason"), [(".", "no pictures with an answer"), ("gone", "nothing at")]
)
def test_nothing_to_pick_is_an_error(
    folder: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(tmp_path / folder, tmp_path / "out") == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--count", "0"],
        *(["--classes", text] for text in (",", "a,,b", "a,a", "a\nb,c", "\udcff,a")),
    ],
)
def test_wrong_usage_is_exit_code_2(wrong: list[str], tmp_path: Path) -> None:
    assert sample(tmp_path, tmp_path, *wrong) == 2
