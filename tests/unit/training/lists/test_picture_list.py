import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambda_src.shared import class_names
from lambda_src.shared.spreadsheets import quote_formulas
from tests.mutations import bounded, mutated
from training.errors import PictureRefusedError, StagingError
from training.lists.picture_list import PictureList
from training.pictures import Refusal, SourcePicture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Listed = list[tuple[str, str, str | None, str]]


def no_s3() -> NoReturn:
    raise AssertionError("a local list of local pictures needs no S3")


@pytest.fixture
def s3(aws: boto3.Session) -> "S3Client":
    """A client of an S3 with the empty buckets "bucket" and "other"."""
    client = aws.client("s3")
    for name in ("bucket", "other"):
        client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    return client


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str | bytes], tuple[Listed, list[tuple[str, str]]]]:
    """Return a function that reads a list beside the pictures 1.png to 9.png and sub/1.png.

    It returns path, label, split and group of the pictures, and what is refused.
    """
    (tmp_path / "sub").mkdir()
    for path in (*(f"{number}.png" for number in range(1, 10)), "sub/1.png", "=1.png"):
        (tmp_path / path).write_bytes(path.encode())

    def read(text: str | bytes) -> tuple[Listed, list[tuple[str, str]]]:
        file = tmp_path / "list"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return split(PictureList(str(file), s3=no_s3))

    return read


def split(source: PictureList) -> tuple[Listed, list[tuple[str, str]]]:
    everything = list(source.pictures())
    pictures = [each for each in everything if isinstance(each, SourcePicture)]
    return (
        [(each.path, each.label, each.split, each.group) for each in pictures],
        [(each.path, each.reason) for each in everything if isinstance(each, Refusal)],
    )


Read = Callable[[str | bytes], tuple[Listed, list[tuple[str, str]]]]

CSVS = [
    "path,label,split,group\n1.png,burnt,train,a\nsub/1.png,Pick-up,,\n",
    "\ufeffKey;Label;Split;Group\r\n1.png;burnt;Training;a\r\n./sub//1.png;Pick-up;;\r\n",
    "file\tnote\tsplit\tgroup\tlabel\r1.png\t\ttrain\ta\tburnt\rsub/1.png\tx\t\t\tPick-up\r",
    '"source-ref","label","split","group"\n"1.png","burnt","train","a"\n'
    '\n"sub/1.png","Pick-up"\n1.png,burnt,train,a\n',
]


@pytest.mark.parametrize("text", CSVS)
def test_a_csv_names_pictures_beside_it(listed: Read, text: str) -> None:
    assert listed(text) == (
        [("1.png", "burnt", "train", "a"), ("sub/1.png", "Pick-up", None, "")],
        [],
    )


@pytest.mark.parametrize(
    ("split", "side"),
    [
        ("TRAIN", "train"),
        ("val", "validation"),
        ("valid", "validation"),
        ("validation", "validation"),
        ("test", "validation"),
        ("Testing", "validation"),
    ],
)
def test_a_list_says_where_pictures_stand(listed: Read, split: str, side: str) -> None:
    assert listed(f"path,label,split\n1.png,a,{split}\n")[0] == [("1.png", "a", side, "")]


def test_names_have_commas_quotation_marks_and_formulas(listed: Read) -> None:
    path, label = quote_formulas("=1.png"), quote_formulas("-burnt")
    text = f'path,label\n1.png,"scone, ""burnt"""\n2.png,Bro\u0308tchen\n{path},{label}\n'

    assert [label for _, label, *_ in listed(text)[0]] == ['scone, "burnt"', "Brötchen", "-burnt"]


def test_what_cannot_be_used_costs_its_line_only(listed: Read, tmp_path: Path) -> None:
    long = "x" * 65
    rows = [
        "gone.png,a,",
        "sub,a,",
        "../1.png,a,",
        "1.png,,",
        f"2.png,{long},",
        "3.png,a,tests",
        ",a,",
        "s3:/bucket,a,",
        '4.png,"a,',
        "5.png,a,,,x",
        f"{tmp_path}/6.png,a,train",
        "\0.png,a,",
        "7.png,{{b}},",
    ]
    pictures, refused = listed("path,label,split\n" + "\n".join(rows))

    assert pictures == [(f"{tmp_path}/6.png", "a", "train", "")]
    assert [(path, reason[:25]) for path, reason in refused] == [
        ("gone.png", "No such file or directory"),
        ("sub", "is not a file: line 3"),
        ("list, line 4", "leaves the folder of the "),
        ("list, line 5", "not labelled"),
        ("list, line 6", "not a class name: 'xxxxxx"),
        ("list, line 7", "unknown split: 'tests'; a"),
        ("list, line 8", "path is empty"),
        ("list, line 9", "'s3:/bucket' is not an S3"),
        ("list, line 10", "unexpected end of data; e"),
        ("list, line 11", "5 cells for 3 columns; pu"),
        ("list, line 13", "control characters: '\\x00"),
        ("list, line 14", "not a class name: '{{b}}'"),
    ]


def test_a_picture_is_listed_once_unless_lines_contradict_each_other(
    listed: Read, tmp_path: Path
) -> None:
    rows = ["1.png,a,", "2.png,a,", "3.png,a,train", "./1.png,a,", f"{tmp_path}/2.png,b,"]
    rows += ["3.png,a,test", "4.png,b,"]
    pictures, refused = listed("path,label,split\n" + "\n".join(rows))

    assert [path for path, *_ in pictures] == ["1.png", "4.png"]
    assert refused == [
        ("2.png", "contradictory: line 3 says a, line 6 says b"),
        ("3.png", "contradictory: line 4 says a, train, line 7 says a, validation"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns none; expected label and one of file, path, key, source-ref"),
        ("path\n1.png\n", "columns path; expected label and one of"),
        ("path,key,label\n1.png,1.png,a\n", "columns path, key, label; expected"),
        ("path,label,label\n1.png,a,b\n", "column label appears twice"),
        ("path,label\n", "none of its 0 lines can be used"),
        ("path,label\n1.png,\n", "none of its 1 lines can be used: list, line 2: not labelled"),
        ("path,label\n1.png,\xff".encode("latin-1"), "is not UTF-8 text"),
        ('{"source-ref": "1.png"}\n', "no line has a label"),
        ("{\n", "no line has a label"),
        (
            '{"source-ref": "1.png", "a": 1, "b": 2}',
            "labels of several kinds: a, b; leave one of them: jq",
        ),
    ],
)
def test_a_list_without_pictures_or_one_label_is_refused(
    listed: Read, text: str | bytes, message: str
) -> None:
    with pytest.raises(StagingError, match=message):
        listed(text)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path, s3: "S3Client") -> None:
    with pytest.raises(StagingError, match="gone: No such file"):
        list(PictureList(f"{tmp_path}/gone", s3=no_s3).pictures())
    with pytest.raises(StagingError, match="s3://bucket/gone.*NoSuchKey"):
        list(PictureList("s3://bucket/gone", s3=lambda: s3).pictures())


def line(name: str = "football", number: object = 0, **more: Any) -> dict[str, Any]:
    """Return a label as the documentation of Ground Truth has it."""
    return {
        "sport": number,
        "sport-metadata": {
            "class-name": name,
            "confidence": 0.0,
            "type": "groundtruth/image-classification",
            "job-name": "identify-sport",
            "human-annotated": "yes",
            "creation-date": "2018-10-18T22:18:13.527256",
            **more,
        },
    }


def several(*names: str) -> dict[str, Any]:
    """Return what a job for several labels writes."""
    return {
        "sport": list(range(len(names))),
        "sport-metadata": {
            "class-map": {str(number): name for number, name in enumerate(names)},
            "confidence-map": {str(number): 0.9 for number in range(len(names))},
            "type": "groundtruth/image-classification-multilabel",
        },
    }


VERIFIED = {
    "check": "1",
    "check-metadata": {"class-name": "bad", "type": "groundtruth/label-verification"},
}
BOXES = {
    "box": {"annotations": [{"class_id": 0}]},
    "box-metadata": {"class-map": {"0": "dog"}, "type": "groundtruth/object-detection"},
}


MANIFEST = json.dumps({"source-ref": "1.png"} | line() | VERIFIED)


def test_a_manifest_of_ground_truth_names_pictures_and_classes(listed: Read) -> None:
    labels: list[dict[str, Any]] = [
        {},
        line() | VERIFIED | BOXES | {"id": 7, "split": "train", "group": 12},
        line("tennis ", "1"),
        several("golf"),
        several("golf", "tennis"),
        several(),
        {"sport": 1},
        line(number=None) | {"sport-metadata": {"failure-reason": "ClientError: gone"}},
        line(7),  # type: ignore[arg-type]
    ]
    rows = [
        json.dumps({"source-ref": f"{number}.png"} | label)
        for number, label in enumerate(labels, 1)
    ]
    rows += ["", "[]", "{", '{"source-ref": 1}', "[" * 20_000]
    pictures, refused = listed("\r\n".join(["\ufeff" + rows[0], *rows[1:]]))

    assert pictures == [
        ("2.png", "football", "train", "12"),
        ("3.png", "tennis", None, ""),
        ("4.png", "golf", None, ""),
        ("9.png", "7", None, ""),
    ]
    assert [(path, reason[:25]) for path, reason in refused] == [
        ("list, line 1", "not labelled"),
        ("list, line 5", "several classes: ['golf',"),
        ("list, line 6", "not labelled"),
        ("list, line 7", "sport-metadata has no cla"),
        ("list, line 8", "labelling failed: 'Client"),
        ("list, line 11", "not a JSON object: []"),
        ("list, line 12", "not JSON: Expecting prope"),
        ("list, line 13", "source-ref is not a path "),
        ("list, line 14", "nested too deeply to be r"),
    ]


def test_an_attribute_without_metadata_is_the_label(listed: Read) -> None:
    rows = [{"source-ref": f"{number}.png", "class": number % 2} for number in (1, 2)]
    text = "\n".join(map(json.dumps, rows))
    assert [label for _, label, *_ in listed(text)[0]] == ["1", "0"]

    text = '{"source-ref": "1.png", "id": 1, "label": "a"}'
    assert listed(text)[0] == [("1.png", "a", None, "")]


@settings(
    max_examples=5 * settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it stays as it is
)
@given(mutated(st.sampled_from([text.encode() for text in (*CSVS, MANIFEST)])))
def test_damaged_lists_are_read_or_refused(listed: Read, content: bytes) -> None:
    with bounded(megabytes=100, seconds=30), suppress(StagingError):
        pictures, _ = listed(content)
        assert all(re.fullmatch(class_names.NAME, label) for _, label, *_ in pictures)


def test_jobs_in_a_chain_label_twice(listed: Read) -> None:
    text = json.dumps({"source-ref": "1.png"} | line() | {"place-metadata": {"class-name": "in"}})

    with pytest.raises(StagingError, match=r"sport, place; .*del\(.\"sport\", .\"sport-metadata"):
        listed(text)


def test_a_list_in_s3_names_pictures_anywhere(s3: "S3Client", tmp_path: Path) -> None:
    objects = {"bucket": ["a/1.png", "a/b/1.png", "b/#%2B é.png"], "other": ["x.png"]}
    for bucket, keys in objects.items():
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    (tmp_path / "here.png").write_bytes(b"here.png")
    names = ["1.png", "b/1.png", "s3://bucket/b/#%2B é.png", "s3://other/x.png"]
    wrong = ["2.png", "../b/1.png", "s3://missing/x.png"]
    text = "path,label\n" + "".join(
        f"{name},a\n" for name in [*names, f"{tmp_path}/here.png", "s3://bucket/a/1.png", *wrong]
    )
    s3.put_object(Bucket="bucket", Key="a/list.csv", Body=text.encode())
    source = PictureList("s3://bucket/a/list.csv", s3=lambda: s3)
    everything = list(source.pictures())
    pictures = [each for each in everything if isinstance(each, SourcePicture)]
    read = [source.read(each).decode() for each in pictures]

    assert read == [*objects["bucket"], *objects["other"], "here.png"]
    assert [each.size for each in pictures] == [len(text.encode()) for text in read]
    assert [(each.path, each.reason) for each in everything if isinstance(each, Refusal)] == [
        ("2.png", "no such object or bucket: line 8"),
        ("list.csv, line 9", "leaves the folder of the list: '../b/1.png'"),
        ("s3://missing/x.png", "no such object or bucket: line 10"),
    ]


def test_many_objects_of_a_folder_are_not_looked_up_one_by_one(
    s3: "S3Client", aws: boto3.Session
) -> None:
    for number in range(25):
        s3.put_object(Bucket="bucket", Key=f"a/{number}.png", Body=b"x")
    calls: list[str] = []
    aws.events.register("provide-client-params.s3", lambda model, **_: calls.append(model.name))
    client = aws.client("s3")
    text = "path,label\n" + "".join(f"{number}.png,a\n" for number in range(26))
    s3.put_object(Bucket="bucket", Key="a/list.csv", Body=text.encode())
    pictures, refused = split(PictureList("s3://bucket/a/list.csv", s3=lambda: client))

    assert len(pictures) == 25
    assert [path for path, _ in refused] == ["25.png"]
    assert calls == ["GetObject", "ListObjectsV2", "HeadObject"]


@pytest.mark.parametrize("place", ["s3://bucket/a.png", "a.png"])
def test_a_picture_that_changed_since_it_was_listed_is_not_read(
    s3: "S3Client", tmp_path: Path, place: str
) -> None:
    def write(content: bytes) -> None:
        (tmp_path / "a.png").write_bytes(content)
        s3.put_object(Bucket="bucket", Key="a.png", Body=content)

    write(b"one")
    (tmp_path / "list.csv").write_text(f"path,label\n{place},a\n")
    source = PictureList(f"{tmp_path}/list.csv", s3=lambda: s3)
    (picture,) = source.pictures()
    write(b"another")

    assert isinstance(picture, SourcePicture)
    with pytest.raises(PictureRefusedError, match="changed"):
        source.read(picture)
    (changed,) = source.pictures()
    assert isinstance(changed, SourcePicture)
    assert changed.version != picture.version
