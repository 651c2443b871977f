import csv
import io
import json
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.shared import class_names
from lambda_src.shared.json_limits import MAX_BYTES
from lambda_src.shared.result_summary import MAX_NAMED
from lambda_src.shared.spreadsheets import unquote_formulas
from tests import odd_replies
from tests.class_names import HOSTILE
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import EVENTS
from tests.unit.lambda_src.hostile import Mutated, answered, as_json, fuzzed_with_objects, mutated

EVENT = EVENTS["write_predictions"]
OUTPUT = EVENT["output"]
JOB = {name: EVENT[name] for name in ("bucket", "output", "job")}
FAILURE = "ClientError: See job logs for more information"


@pytest.fixture
def handler(import_handler: ImportHandler) -> Iterator[ModuleType]:
    with mock_aws():
        objects.s3().create_bucket(Bucket="data")
        yield import_handler("write_predictions")


def put(name: str, content: str | bytes) -> None:
    objects.put("data", f"{OUTPUT}/{name}", content)


def lines() -> list[dict[str, Any]]:
    return objects.lines("data", f"{OUTPUT}/predictions.jsonl")


def rows() -> list[dict[str, str]]:
    table = objects.get("data", f"{OUTPUT}/predictions.csv")
    return list(csv.DictReader(io.StringIO(table, newline="")))


def prediction(*probabilities: float) -> str:
    return json.dumps({"prediction": probabilities}) + "\n"


def write(
    handler: ModuleType,
    outputs: Mapping[str, str | bytes | None],
    failed: tuple[dict[str, str], ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """The answer to a job that left these outputs, by key of the picture."""
    put("manifest.json", json.dumps([{"prefix": "s3://data/"}, *outputs]))
    put("failed.jsonl", "".join(f"{json.dumps(each)}\n" for each in failed))
    for key, text in outputs.items():
        if text is not None:
            put(f"raw/{key}.out", text)
    event = {**JOB, "usable": len(outputs), "failed": len(failed), **more}
    answer: dict[str, Any] = handler.lambda_handler(event, None)
    return answer


def counts(*, folders: int = 0, **verdicts: int) -> dict[str, int]:
    known = {"accepted": 0, "rejected": 0, "failed": 0} | verdicts
    return {"images": sum(known.values()), **known, "folders": folders}


SURE = prediction(0.07, 0.93)
MIXED = {
    "a/sure.png": SURE,
    'b/un, "sure".png': prediction(0.6, 0.4),
    "a/refused.png": None,
    "a/odd.png": "[0.5, 0.5]",
    "a/broken.png": "{",
}
GONE = {"key": "a/gone.png", "error": "ImageNotFound", "reason": "the object does not exist"}


def test_each_picture_gets_one_line_in_both_files(
    handler: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    write(handler, MIXED, (GONE,), failure=FAILURE)

    assert capsys.readouterr().out == ""  # and none in the log
    assert [(line["key"], line["status"], line["error"]) for line in lines()] == [
        ("a/sure.png", "accepted", None),
        ('b/un, "sure".png', "rejected", None),
        ("a/refused.png", "failed", "NoPrediction"),
        ("a/odd.png", "failed", "InvalidPrediction"),
        ("a/broken.png", "failed", "InvalidPrediction"),
        ("a/gone.png", "failed", "ImageNotFound"),
    ]
    sure = {"key": "a/sure.png", "label": "motorcycle", "confidence": 0.93}
    assert lines()[0] == {**sure, "status": "accepted", "error": None, "reason": None}
    assert lines()[1]["reason"].startswith("best class bicycle has confidence 0.600")
    assert FAILURE in lines()[2]["reason"]
    assert "/aws/sagemaker/TransformJobs, scones-test-1/" in lines()[2]["reason"]
    assert rows() == [
        {name: "" if value is None else str(value) for name, value in line.items()}
        for line in lines()
    ]


def test_class_names_may_be_any(import_handler: ImportHandler) -> None:
    with mock_aws():
        objects.s3().create_bucket(Bucket="data")
        handler = import_handler("write_predictions", CLASSES=class_names.encode(HOSTILE))
        sure = range(len(HOSTILE))
        outputs = {f"{n}.png": prediction(*(float(n == each) for each in sure)) for n in sure}

        write(handler, outputs)

        assert [line["label"] for line in lines()] == list(HOSTILE)
        assert [unquote_formulas(row["label"]) for row in rows()] == list(HOSTILE)
        assert not any(row["label"].startswith("=") for row in rows())


def test_counts_and_what_to_tell_of_are_those_of_the_workflow(handler: ModuleType) -> None:
    answer = write(handler, MIXED, (GONE,))

    assert answer["counts"] == counts(accepted=1, rejected=1, failed=4)
    assert answer["location"] == f"s3://data/{OUTPUT}/predictions.csv"
    rejected, *failed = answer["results"]
    assert (rejected["verdict"], rejected["body"]["s3_key"]) == ("rejected", 'b/un, "sure".png')
    assert "0.600" in rejected["body"]["reason"]
    assert {each["verdict"] for each in failed} == {"failed"}
    assert (failed[-1]["error"], failed[-1]["cause"]) == (GONE["error"], GONE["reason"])
    summary = json.loads(objects.get("data", f"{OUTPUT}/summary.json"))
    assert (summary["counts"], summary["job"]) == (answer["counts"], "scones-test-1")


def test_of_many_pictures_a_few_are_named_and_all_are_written(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "READ_AHEAD", 10)
    unsure = {f"{n}.png": prediction(0.5, 0.5) for n in range(25)}

    answer = write(handler, unsure)

    assert answer["counts"] == counts(rejected=25)
    assert len(answer["results"]) == MAX_NAMED
    assert [line["key"] for line in lines()] == list(unsure)


def test_lines_that_do_not_add_up_are_an_error(handler: ModuleType) -> None:
    with pytest.raises(handler.PredictionsIncomplete, match="1 lines for 2 usable and 0 failed"):
        write(handler, {"one.png": prediction(0.5, 0.5)}, usable=2)


def test_folders_are_counted_and_have_no_line(handler: ModuleType) -> None:
    answer = write(handler, {"one.png": SURE}, folders=2)

    assert answer["counts"] == counts(accepted=1, folders=2)
    assert len(lines()) == 1


def test_a_key_that_is_too_long_for_its_output_fails_alone(handler: ModuleType) -> None:
    long = "x" * 1024
    write(handler, {long: None, "one.png": SURE})

    errors = [(line["key"], line["error"]) for line in lines()]
    assert errors == [(long, "NoPrediction"), ("one.png", None)]


def test_an_odd_output_is_one_failed_line_and_the_others_stay(handler: ModuleType) -> None:
    read_ = {f"{number}.png": reply for number, reply in enumerate(odd_replies.READ)}
    refused = odd_replies.REFUSED | odd_replies.WRAPPED
    outputs = {key: b'{"prediction": %s}' % reply for key, reply in {**read_, **refused}.items()}

    write(handler, {**outputs, "bare": b"[0.25, 0.75]", "large": bytes(MAX_BYTES + 1)})

    by_key = {row["key"]: row for row in rows()}
    best = {key: float(row["confidence"]) for key, row in by_key.items() if row["confidence"]}
    assert best == {key: max(odd_replies.READ[reply]) for key, reply in read_.items()}
    failed = {key: row for key, row in by_key.items() if key not in read_}
    assert failed.keys() == {*refused, "bare", "large"}
    assert {row["status"] for row in failed.values()} == {"failed"}
    assert {row["error"] for row in failed.values()} == {"InvalidPrediction"}
    assert "value 0 is not a number from 0 to 1" in failed["nulls"]["reason"]
    assert failed["bare"]["reason"].endswith("no member prediction")
    assert failed["large"]["reason"].startswith("its output has 16,777,217 bytes")
    assert max(len(row["reason"]) for row in failed.values()) < 700


def test_another_number_of_classes_is_a_failed_line_that_says_what_to_do(
    handler: ModuleType,
) -> None:
    odd = {f"{number}.png": reply.decode() for number, reply in enumerate(odd_replies.OTHER_COUNT)}
    outputs = {key: f'{{"prediction": {reply}}}' for key, reply in odd.items()}

    answer = write(handler, {**outputs, "good.png": SURE})

    assert (answer["counts"]["accepted"], answer["counts"]["failed"]) == (1, 2)
    three, one = answer["results"]
    assert {three["error"], one["error"]} == {"ClassCountMismatch"}
    assert "3 probabilities for 2 classes (bicycle, motorcycle); deploy" in three["cause"]
    assert "1 probabilities for 2 classes" in one["cause"]


def test_a_spreadsheet_runs_nothing_of_the_csv(handler: ModuleType) -> None:
    key = '=HYPERLINK("http://example.com","open").png'
    gone = {"key": "a/b;-1+1.png", "error": "ImageNotFound", "reason": "\t@SUM(1)\x1b[2J"}

    write(handler, {key: SURE}, (gone,))

    first, second = rows()
    assert (first["key"], first["confidence"]) == (f"'{key}", "0.93")
    assert (second["key"], second["reason"]) == ("a/b;'-1+1.png", r"\t@SUM(1)\x1b[2J")
    assert [line["key"] for line in lines()] == [key, gone["key"]]


# --- what is damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "failed.jsonl"])
@pytest.mark.parametrize(
    "content",
    [None, b"{", b"\x1f\x8b", b"[" * 100_000, b"[1, 2]", b'[{"prefix": "s3://data/"}, 1]', b"{}"],
)
def test_a_file_of_check_manifest_that_is_gone_or_damaged_is_named(
    handler: ModuleType, name: str, content: bytes | None
) -> None:
    files = {"manifest.json": b'[{"prefix": "s3://data/"}]', "failed.jsonl": b"", name: content}
    for each, written in files.items():
        if written is not None:
            put(each, written)

    with pytest.raises(handler.PredictionsIncomplete, match=f"^s3://data/{OUTPUT}/{name} is gone,"):
        handler.lambda_handler(EVENT, None)


def test_a_key_that_lambda_cannot_send_is_escaped_in_the_answer(handler: ModuleType) -> None:
    put("manifest.json", '[{"prefix": "s3://data/"}]')
    put("failed.jsonl", json.dumps({**GONE, "key": "\ud800.png"}))

    answer = answered(handler.lambda_handler, Mutated({**EVENT, "usable": 0}))

    assert answer["results"][0]["body"]["s3_key"] == "\\ud800.png"


@fuzzed_with_objects
@given(
    event=mutated(EVENT),
    manifest=mutated([{"prefix": "s3://data/"}, "a.png", "b.png"]),
    failed=mutated(GONE),
    outputs=st.tuples(*2 * [mutated({"prediction": [0.07, 0.93]})]),
)
def test_any_event_and_files_are_written_or_have_a_named_error(
    handler: ModuleType,
    event: Mutated,
    manifest: Mutated,
    failed: Mutated,
    outputs: tuple[Mutated, ...],
) -> None:
    contents = {"manifest.json": manifest, "failed.jsonl": failed}
    contents |= {f"raw/{key}.png.out": output for key, output in zip("ab", outputs, strict=True)}
    for name, content in contents.items():
        put(name, as_json(content))

    allowed = ("InvalidEvent", "PredictionsIncomplete", "NoSuchBucket", "NoSuchKey")
    answer = answered(handler.lambda_handler, event, *allowed)

    if not isinstance(answer, Exception):
        assert sum(answer["counts"].values()) == 2 * 3 + answer["counts"]["folders"]
        assert answer["counts"]["images"] == 3
