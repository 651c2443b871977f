"""Verdicts of the workflow on good, doubtful and bad pictures."""

import json
import time
from collections import Counter
from typing import Any

from tests.local.deployment import VALIDATION_PER_CLASS, Deployment
from tests.local.inbox import Messages
from tests.odd_pictures import png_that_claims

ACCESS_POINT = "arn:aws:s3:us-west-2:111122223333:accesspoint/other"


def test_accepted_pictures_are_right_and_nobody_is_notified(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    keys = verdicts["accepted"][:20]

    output = deployment.classify(*keys)

    assert output["counts"] == {"images": 20, "accepted": 20, "rejected": 0, "failed": 0}
    assert [result["body"]["s3_key"] for result in output["results"]] == keys
    right = [
        result["body"]["label"] == deployment.dataset.ground_truth[result["body"]["s3_key"]]
        for result in output["results"]
    ]
    assert sum(right) >= 18
    assert messages(0) == []
    assert sum(map(len, verdicts.values())) == 2 * VALIDATION_PER_CLASS


def test_bad_pictures_do_not_hurt_the_good_ones(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    deployment.put("bad/note.txt", b"hello")
    deployment.put("bad/hollow.png", png_that_claims(32, 32))
    accepted, rejected = verdicts["accepted"][0], verdicts["rejected"][0]

    output = deployment.classify(
        accepted, "bad/gone.png", "bad/note.txt", "bad/hollow.png", rejected, accepted
    )

    assert output["counts"] == {"images": 6, "accepted": 2, "rejected": 1, "failed": 3}
    assert [(result["statusCode"], result.get("error")) for result in output["results"]] == [
        (200, None),
        (404, "ImageNotFound"),
        (415, "NotAnImage"),
        (422, "ImageRefused"),
        (406, None),
        (200, None),
    ]
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: 4 of 6 images need attention"
    text = message["Message"]
    assert "2 accepted, 1 rejected, 3 failed of 6 images." in text
    bucket = deployment.data_bucket
    for named in (
        f"s3://{bucket}/{rejected}\n    best class ",
        "below the threshold 0.93",
        f"s3://{bucket}/bad/gone.png\n    ImageNotFound: ",
        f"s3://{bucket}/bad/note.txt\n    NotAnImage: ",
        f"s3://{bucket}/bad/hollow.png\n    ImageRefused: ",
        ":execution:",
    ):
        assert named in text
    assert f"s3://{bucket}/{accepted}" not in text


def test_what_names_no_picture_fails_on_its_own_and_is_asked_for_once(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    key = verdicts["accepted"][0]
    references: list[Any] = [
        deployment.image(key),
        {"s3_bucket": ACCESS_POINT, "s3_key": key},
        {"s3_bucket": "other--usw2-az1--x-s3", "s3_key": key},
        {"s3_bucket": deployment.data_bucket, "s3_key": ["a"]},
        {"s3_bucket": {"a": 1}, "s3_key": key},
        "one.png",
        deployment.image(key),
    ]

    state = deployment.execute({"images": references})

    results = json.loads(state["output"])["results"]
    assert [(result["statusCode"], result.get("error")) for result in results] == [
        (200, None),
        *5 * [(400, "InvalidImageReference")],
        (200, None),
    ]
    assert f"s3_bucket is '{ACCESS_POINT}'" in results[1]["cause"]
    client = deployment.cloud.client("stepfunctions")
    history = client.get_execution_history(executionArn=state["executionArn"], maxResults=1000)
    kinds = Counter(event["type"] for event in history["events"])
    assert kinds["TaskFailed"] + kinds["LambdaFunctionFailed"] == 5
    assert kinds["TaskSucceeded"] + kinds["LambdaFunctionSucceeded"] == 2 * 3 + 1  # and SNS


def test_verdicts_are_in_the_logs_that_metrics_are_made_of(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    logs = deployment.cloud.client("logs")
    (filter_,) = (
        each
        for each in logs.describe_metric_filters(
            metricName="Pictures", metricNamespace="Scones/dev"
        )["metricFilters"]
        if "$.verdict" in each["filterPattern"]
    )
    start = int(time.time() * 1000)

    deployment.classify(verdicts["accepted"][0], verdicts["rejected"][0], "bad/gone.png")

    lines = [
        json.loads(event["message"])
        for event in logs.filter_log_events(logGroupName=filter_["logGroupName"], startTime=start)[
            "events"
        ]
        if event["message"].startswith("{")
    ]
    assert sorted(line["verdict"] for line in lines if "verdict" in line) == [
        "Accepted",
        "Rejected",
    ]
