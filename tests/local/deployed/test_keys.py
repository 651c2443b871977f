"""Odd keys that S3 accepts: every path has one line for each picture."""

import json
from typing import Any

import pytest

from tests.local.batch import classify, lines, transform
from tests.local.deployment import Deployment
from tests.local.inbox import Messages

ODD = (
    "bay/\x01.png",
    "week #1.png",
    "why?.png",
    "/lead.png",
    "bay//double.png",
    "a b+c.png",
    "ü.png",
    "100%.png",
    'two, "lines"\n.png',
)
IMPOSSIBLE = "bay/\ud800.png"
FOLDER = "week 28/"


@pytest.fixture(scope="module")
def keys(deployment: Deployment, verdicts: dict[str, list[str]]) -> list[str]:
    """Return keys of pictures that are accepted, beside which the console made a folder."""
    picture = deployment.read(f"s3://{deployment.data_bucket}/{verdicts['accepted'][0]}")
    made = [*(f"keys/{key}" for key in ODD), "=1+1.png", "keys.png", "/keys.png"]
    for key in (*made, "keys 2/other.png"):
        deployment.put(key, picture)
    deployment.put(f"keys/{FOLDER}", b"")
    return made


def statuses(results: list[dict[str, Any]]) -> dict[str, str]:
    found = {line["key"]: line["status"] for line in results}
    assert len(found) == len(results)
    return found


def test_an_execution_has_a_result_for_each_and_reports_failures(
    deployment: Deployment, keys: list[str], messages: Messages
) -> None:
    output = deployment.classify(*keys, IMPOSSIBLE, "gone/\x01.png")

    verdicts = {result["body"]["s3_key"]: result["verdict"] for result in output["results"]}
    assert verdicts == dict.fromkeys(keys, "accepted") | {
        IMPOSSIBLE: "failed",
        "gone/\x01.png": "failed",
    }
    (message,) = messages(1)
    for shown in (r"bay/\ud800.png", r"gone/\u0001.png"):
        assert f"- s3://{deployment.data_bucket}/{shown}\n    " in message["Message"]


def test_a_bulk_run_takes_the_folder_and_counts_empty_folders(
    deployment: Deployment, keys: list[str], messages: Messages
) -> None:
    below = [key for key in keys if key.startswith("keys/")]

    summary = classify(deployment, prefix=f"s3://{deployment.data_bucket}/keys")

    assert statuses(lines(deployment, summary)) == dict.fromkeys(below, "accepted")
    assert (summary.counts["images"], summary.counts["folders"]) == (len(below), 1)
    assert messages(0) == []


def test_a_transform_has_a_line_for_each_and_its_table_is_a_manifest(
    deployment: Deployment, keys: list[str], messages: Messages
) -> None:
    output = transform(deployment, "keys", *keys, f"keys/{FOLDER}", IMPOSSIBLE)

    text = deployment.read(output["location"].replace(".csv", ".jsonl"))
    results = [json.loads(line) for line in text.splitlines()]
    assert statuses(results) == dict.fromkeys(keys, "accepted") | {IMPOSSIBLE: "failed"}
    counts = {"images": len(results), "accepted": len(keys), "rejected": 0, "failed": 1}
    assert output["counts"] == {**counts, "folders": 1}
    (message,) = messages(1)
    assert "images; 1 empty folders skipped." in message["Message"]
    assert rf"- s3://{deployment.data_bucket}/bay/\ud800.png" in message["Message"]

    summary = classify(deployment, manifest=output["location"])

    again = statuses(lines(deployment, summary))
    assert again == dict.fromkeys(keys, "accepted") | {r"bay/\ud800.png": "failed"}
    messages(1)
