import json
from contextlib import suppress
from csv import writer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import ground_truth
from analysis.labels import GroundTruthError
from analysis.records import Records, collect
from analysis.skipped_lines import Kind
from tests.capture_records import Write, png, record
from tests.class_names import HOSTILE
from tests.mutations import bounded, mutated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def three(write: Write) -> Records:
    """Events one, two, three; two has the inference id "mine"."""
    folder = write(record("one"), record("two", inference_id="mine"), record("three"))
    return collect(folder, classes=CLASSES)


def csv(folder: Path, text: str) -> Path:
    file = folder / "labels.csv"
    file.write_bytes(text.encode())
    return file


def test_pictures_are_compared_without_alpha_and_encoding(dataset: Path, write: Write) -> None:
    pictures = [png(1, "RGBA"), png(2), png(3)]
    folder = write(*(record(str(i), content=each) for i, each in enumerate(pictures)))
    records = collect(folder, classes=CLASSES, fingerprints=True)
    joined = ground_truth.join(records, ground_truth.read(dataset / "manifest.json"))

    assert joined.frame.true_class.fillna(-1).tolist() == [0, 1, -1]
    assert joined.frame.weight.fillna(0).tolist() == [1, 1, 0]


def test_a_dataset_is_read_from_s3_too(dataset: Path, client: "S3Client") -> None:
    for file in dataset.rglob("*.*"):
        client.upload_file(str(file), "bucket", f"datasets/x/{file.relative_to(dataset)}")

    labels = ground_truth.read("s3://bucket/datasets/x/")
    assert labels.labels.keys() == ground_truth.read(dataset).labels.keys()
    with pytest.raises(GroundTruthError, match="s3://bucket/nothing contains no ground truth"):
        ground_truth.read("s3://bucket/nothing")


def test_one_picture_with_two_labels_is_left_out_and_counted(dataset: Path) -> None:
    (dataset / "validation" / "a.png").write_bytes(png(1))
    labels = ground_truth.read(dataset)

    assert labels.labels == {}
    (contradiction,) = labels.skipped.first[Kind.CONTRADICTION]
    assert contradiction.file.endswith("validation.lst") and contradiction.line == 1
    assert "train.lst, line 1" in contradiction.reason


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", "{}", "manifest.json is not a staging manifest"),
        ("train.lst", "0\t2\ta.png\n", "train.lst: .*is not index, label and path"),
        ("train.lst", "0\t-1\ta.png\n", "train.lst: .*is not index, label and path"),
        ("train.lst", "0\t0\n", "train.lst: .*is not index, label and path"),
        ("train.lst", "0\t0\t/outside.png\n", "train.lst: .*is not index, label and path"),
        ("train.lst", "0\t0\tb.png\n", "b.png cannot be read"),
        ("train.lst", "0\t0\t../train/a.png\n", "train.lst: .*is not index, label and path"),
        ("train/a.png", "no picture", "a.png: input cannot be decoded"),
    ],
)
def test_a_damaged_dataset_is_named(dataset: Path, file: str, content: str, message: str) -> None:
    (dataset / file).write_text(content)

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        ground_truth.read(dataset)


def test_records_must_suit_the_dataset(dataset: Path, write: Write) -> None:
    folder = write(record())
    labels = ground_truth.read(dataset)

    with pytest.raises(GroundTruthError, match="fingerprints=True"):
        ground_truth.join(collect(folder, classes=CLASSES), labels)
    with pytest.raises(GroundTruthError, match="the records have cat, dog"):
        ground_truth.join(collect(folder, classes=("cat", "dog"), fingerprints=True), labels)


LABELS = [
    "event_id,inference_id,label,weight\none,,bicycle,2\n,mine,1,3\n",
    "\ufeffEvent_ID;inference_id;Label;weight\r\none;;BICYCLE;2\r\n;mine;motorcycle;3\r\n",
    "event_id,inference_id,label,weight\rone,,bicycle,2\r,mine,1,3\r",
    "event_id,inference_id,label,weight\r\r\none,,bicycle,2\r\r\n,mine,1,3\r\r\n",
    'event_id\tinference_id\tlabel\tweight\n"one"\t\t"bicycle"\t"2"\n\tmine\t1\t3\t\n',
    'event_id, inference_id, label, weight\none, , "bicycle", 2\n\n, mine, 1, "3"',
    "event_id,note,inference_id,label,weight\n"
    'one,"two\nlines, ""quoted""",,bicycle,2\n,,mine,1,3\n',
]


@pytest.mark.parametrize("text", LABELS)
def test_a_csv_names_records_by_event_or_inference_id(
    three: Records, tmp_path: Path, text: str
) -> None:
    frame = ground_truth.join(three, ground_truth.read(csv(tmp_path, text))).frame

    by_event = frame.set_index("event_id")
    assert by_event.true_class.fillna(-1).to_dict() == {"one": 0, "two": 1, "three": -1}
    assert by_event.weight.fillna(0).to_dict() == {"one": 2.0, "two": 3.0, "three": 0.0}


@settings(
    max_examples=5 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # they stay as they are
)
@given(mutated(st.sampled_from([text.encode() for text in LABELS])), st.sampled_from([1, 5_000]))
def test_damaged_labels_are_read_or_refused(
    three: Records, tmp_path: Path, content: bytes, repeated: int
) -> None:
    first, _, rest = content.partition(b"\n")
    file = tmp_path / "labels.csv"
    file.write_bytes(first + b"\n" + rest * repeated)
    with bounded(megabytes=100, seconds=30), suppress(GroundTruthError):
        frame = ground_truth.join(three, ground_truth.read(file)).frame
        known = frame[frame["true_class"].notna()]
        assert set(known["true_class"]) <= {0, 1}
        assert known["weight"].between(1e-6, 1e9).all()


def test_labels_that_cannot_be_used_are_counted_with_their_line(
    three: Records, tmp_path: Path
) -> None:
    rows = ["one,bicycle", "two,", "three,lorry", "nobody,0", ",1", "four,0", "four,1"]
    file = csv(tmp_path, "event_id,label\n" + "\n".join(rows) + "\n")
    joined = ground_truth.join(three, ground_truth.read(file))

    assert joined.frame.true_class.fillna(-1).tolist() == [0, -1, -1]
    lines = {
        kind: [(skip.file, skip.line) for skip in skips]
        for kind, skips in joined.skipped.first.items()
    }
    assert lines == {
        Kind.NOT_LABELLED: [(str(file), 3)],
        Kind.UNKNOWN_CLASS: [(str(file), 4)],
        Kind.UNMATCHED: [(str(file), 5)],
        Kind.NO_LABEL: [(str(file), 6)],
        Kind.CONTRADICTION: [(str(file), 8)],
    }


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        # In any case and with accents of any kind, where it is clear which class is meant.
        (("K\u00e4se-Scone", "scone, burnt"), {"K\u00c4SE-scone": 0, "Ka\u0308se-Scone": 0}),
        (("Pick-up", "pick-up"), {"Pick-up": 0, "pick-up": 1, "PICK-UP": None, "1": 1}),
        # Numbers are names before they are indices.
        (("5", "0", "7"), {"5": 0, "0": 1, "7": 2, "1": None, "2": None}),
        (HOSTILE, {name: index for index, name in enumerate(HOSTILE)}),
    ],
)
def test_labels_name_classes(
    write: Write, tmp_path: Path, classes: tuple[str, ...], expected: dict[str, int | None]
) -> None:
    output = json.dumps([1 / len(classes)] * len(classes))
    folder = write(*(record(str(row), output=output) for row in range(len(expected))))
    file = tmp_path / "labels.csv"
    with file.open("w", newline="") as opened:
        writer(opened).writerows([("event_id", "label"), *enumerate(expected)])

    joined = ground_truth.join(collect(folder, classes=classes), ground_truth.read(file))

    found = joined.frame.set_index("event_id").true_class.dropna().to_dict()
    indices = enumerate(expected.values())
    assert found == {str(row): index for row, index in indices if index is not None}


def read_rows(folder: Path, text: str) -> tuple[dict[str | int, float], list[tuple[int, str]]]:
    """Return the weights by id, and line and reason of what is no ground truth."""
    labels = ground_truth.read(csv(folder, text))
    skips = labels.skipped.first.get(Kind.NO_LABEL, ())
    weights = {key: label.weight for key, label in labels.labels.items()}
    return weights, [(skip.line, skip.reason) for skip in skips]


@pytest.mark.parametrize(
    ("delimiter", "cell", "weight"),
    [
        (";", "4,7", 4.7),
        (";", "4.7", 4.7),
        (";", "1,234", 1.234),
        (",", '"4,7"', 4.7),
        (",", "4.7", 4.7),
        (",", '"0,125"', 0.125),
        ("\t", "4,7", 4.7),
        (",", " +1.5e3 ", 1500),
    ],
)
def test_weights_have_a_decimal_point_or_comma(
    tmp_path: Path, delimiter: str, cell: str, weight: float
) -> None:
    header, row = delimiter.join(["event_id", "label", "weight"]), f"{delimiter}0{delimiter}"

    assert read_rows(tmp_path, f"{header}\none{row}{cell}\n") == ({"one": weight}, [])


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "weight is empty; write how many records the row stands for, or remove the column"),
        (" ", "weight is empty"),
        ("nan", "weight 'nan' is not a number; expected digits"),
        ("inf", "weight 'inf' is not a number"),
        ("-Infinity", "weight '-Infinity' is not a number"),
        ("1_0", "weight '1_0' is not a number"),
        ("٣", "weight '٣' is not a number"),
        ('"1,234.5"', "weight '1,234.5' is not a number"),
        ('"1,234"', "weight '1,234' may have a decimal comma or a thousands separator"),
        ("-1", "weight '-1' is out of range; expected 1e-06 to 1e+09"),
        ("0", "weight '0' is out of range"),
        ("1e-300", "weight '1e-300' is out of range"),
        ("1e10", "weight '1e10' is out of range"),
        ("1e999", "weight '1e999' is out of range"),
        ("9" * 100_000 + "x", f"weight '{'9' * 80}…' is not a number"),
        ("4,7", "4 cells for 3 columns; put a cell that contains the delimiter in quotation marks"),
    ],
)
def test_a_weight_that_cannot_count_costs_its_line(tmp_path: Path, cell: str, reason: str) -> None:
    text = f"event_id,label,weight\none,0,2\ntwo,1,{cell}\nthree,1,3\n"
    weights, [(line, said)] = read_rows(tmp_path, text)

    assert weights == {"one": 2, "three": 3}
    assert line == 3
    assert said.startswith(reason)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('two,"bicycle', "unexpected end of data; expected cells"),
        ('"two,bicycle', "unexpected end of data; expected cells"),
        ('two,"bicycle"x', "',' expected after '\"'; expected cells"),
        (f"two,bicycle,{'x' * 200_000}", "field larger than field limit (131072); expected cells"),
    ],
)
def test_a_row_that_is_no_csv_costs_no_other_row(tmp_path: Path, row: str, reason: str) -> None:
    text = f"event_id,label,note\none,bicycle,\n{row}\nthree,bicycle,\n"
    weights, [(line, said)] = read_rows(tmp_path, text)

    assert weights == {"one": 1, "three": 1}
    assert line == 3
    assert said.startswith(reason)


def test_a_quotation_mark_that_closes_rows_later_costs_its_row_only(tmp_path: Path) -> None:
    text = 'event_id,label\none,"bicycle\ntwo,bicycle\n,three,bicycle"\nfour,bicycle\n'
    weights, [(line, said), _] = read_rows(tmp_path, text)

    assert weights.keys() == {"two", "four"}
    assert line == 2
    assert said.startswith("label 'bicycle\\ntwo,bicycle\\n,three,bicycle' contains a line")


def test_a_record_with_two_weights_is_left_out_and_counted(tmp_path: Path) -> None:
    file = csv(tmp_path, "event_id,label,weight\none,0,2\none,0,2\ntwo,0,2\ntwo,0,1\n")
    labels = ground_truth.read(file)

    assert labels.labels.keys() == {"one"}
    (contradiction,) = labels.skipped.first[Kind.CONTRADICTION]
    assert contradiction.line == 5
    assert contradiction.reason == f"'0', but '0' with weight 2 in {file}, line 4"


def test_a_blank_row_is_no_row_but_one_without_an_id_is_counted(tmp_path: Path) -> None:
    text = "note,event_id,label\n,,\n\nonly a note\n,one,0\n"

    assert read_rows(tmp_path, text) == ({"one": 1}, [(4, "neither event_id nor inference_id")])


def test_open_quotation_marks_take_no_time(tmp_path: Path) -> None:
    rows = "".join(f'{number},"""\n' for number in range(20_000))
    labels = ground_truth.read(csv(tmp_path, f"event_id,label\n{rows}last,bicycle\n"))

    assert labels.labels.keys() == {"last"}
    assert labels.skipped.counts == {Kind.NO_LABEL: 20_000}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('event_id,"label\none,0\n', "line 1: unexpected end of data"),
        ("event_id,label,Label\none,0,1\n", "column label appears twice"),
        *(
            (text, "expected label, and event_id or inference_id")
            for text in ("", "file,label\na,b\n", "event_id,weight\n")
        ),
    ],
)
def test_a_header_that_is_ambiguous_or_lacks_columns_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(GroundTruthError, match=message):
        ground_truth.read(csv(tmp_path, text))


def line(event_id: str, data: str, encoding: str = "CSV") -> dict[str, Any]:
    """A line as SageMaker's documentation has it."""
    return {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": event_id},
        "eventVersion": "0",
    }


def test_sagemaker_ground_truth_names_records_by_either_id(three: Records, tmp_path: Path) -> None:
    rows = [
        line("one", "1"),
        line("mine", "bicycle"),
        line("three", "1", "PARQUET"),
        line("nobody", "1"),
    ]
    hour = tmp_path / "truth" / "2024" / "10" / "15" / "14"
    hour.mkdir(parents=True)
    (hour / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    joined = ground_truth.join(three, ground_truth.read(tmp_path / "truth"))

    by_event = joined.frame.set_index("event_id")
    assert by_event.true_class.fillna(-1).to_dict() == {"one": 1, "two": 0, "three": -1}
    assert joined.skipped.counts == {Kind.NO_LABEL: 1, Kind.UNMATCHED: 1}
    assert joined.skipped.first[Kind.NO_LABEL][0].line == 3


def test_captures_are_no_ground_truth(write: Write) -> None:
    folder = write(record())

    with pytest.raises(GroundTruthError, match=r"a.jsonl, line 1: groundTruthData.data: Field req"):
        ground_truth.read(folder)
    with pytest.raises(FileNotFoundError, match="gone"):
        ground_truth.read(folder / "gone")
