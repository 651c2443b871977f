"""The deployed drift detector: quiet on ordinary traffic, loud in the dark, exact when killed."""

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import pytest
from PIL import Image

from tests.local.deployment import Deployment, Resources
from tests.local.inbox import Messages
from tests.local.waiting import wait
from tests.odd_pictures import encoded

CLOSED = "http://127.0.0.1:9"
PICTURES = 60
OWN = b'"inferenceId":"baseline-'


@pytest.fixture(scope="module")
def function(resources: Resources) -> str:
    """Return the name of the detector's function."""
    return resources["AWS::Lambda::Function"]["Monitoring/DriftDetectorFunction"]


@pytest.fixture(scope="module")
def look(deployment: Deployment, function: str) -> Callable[[], dict[str, Any]]:
    """Return a function that runs the detector on what was captured so far."""
    client = deployment.cloud.client("lambda")
    return lambda: dict(json.load(client.invoke(FunctionName=function)["Payload"]))


@pytest.fixture(scope="module", autouse=True)
def only_captures_of_this_module(deployment: Deployment) -> None:
    """Remove what others had captured, but not the baseline's own calls.

    The detector, which has no schedule on the local cloud, has not read them yet.
    """
    s3, bucket = deployment.cloud.client("s3"), deployment.outputs("Storage")["CaptureBucketName"]
    counts = [-1, captured(deployment)]
    while counts[-1] != counts[-2]:
        time.sleep(1.5)  # longer than captures wait for more
        counts.append(captured(deployment))
    for key, content in captures(deployment).items():
        own = [line for line in content.splitlines(keepends=True) if OWN in line]
        s3.put_object(Bucket=bucket, Key=key, Body=b"".join(own))


def pictures(deployment: Deployment) -> list[Image.Image]:
    """Return the first validation pictures of each class."""
    truth = deployment.dataset.ground_truth
    keys = [
        key
        for label in sorted(set(truth.values()))
        for key in [key for key in sorted(truth) if truth[key] == label][: PICTURES // 2]
    ]
    uris = (f"s3://{deployment.data_bucket}/{key}" for key in keys)
    return [Image.open(io.BytesIO(deployment.read(uri))) for uri in uris]


def call(deployment: Deployment, contents: list[bytes]) -> None:
    """Send the pictures to the endpoint, and wait until they are captured."""
    runtime = deployment.cloud.client("sagemaker-runtime")
    before = captured(deployment)
    for content in contents:
        runtime.invoke_endpoint(
            EndpointName=deployment.settings.endpoint_name,
            ContentType="application/x-image",
            Body=content,
        )
    wait(lambda: captured(deployment) >= before + len(contents), every=0.5)


def captured(deployment: Deployment) -> int:
    """Return how many capture records there are beside those of the baseline's own calls."""
    everything = b"".join(captures(deployment).values())
    assert everything.count(OWN) >= len(deployment.dataset.ground_truth)
    return everything.count(b'"eventId"') - everything.count(OWN)


def captures(deployment: Deployment) -> dict[str, bytes]:
    """Return the content of all capture files by key."""
    s3, bucket = deployment.cloud.client("s3"), deployment.outputs("Storage")["CaptureBucketName"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def raised(deployment: Deployment) -> set[str]:
    """Return the metrics of the drift alarms that are up."""
    alarms = deployment.cloud.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=deployment.settings.stack_name("Monitoring"), StateValue="ALARM"
    )["MetricAlarms"]
    return {each["MetricName"] for each in alarms if each.get("Namespace") == "Scones/dev"}


def counted(deployment: Deployment, metric: str = "Records") -> float:
    """Return how many records, or others, were counted so far."""
    now = datetime.now(UTC)
    points = deployment.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="Scones/dev",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": deployment.settings.endpoint_name}],
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_the_baseline_is_made_with_the_deployment_and_its_calls_are_no_traffic(
    deployment: Deployment, look: Callable[[], dict[str, Any]]
) -> None:
    s3, bucket = deployment.cloud.client("s3"), deployment.outputs("Storage")["ArtifactBucketName"]
    (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="baselines/")["Contents"]
    stored = json.load(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"])

    assert stored["dataset"] == deployment.staged_prefix()
    assert stored["baseline"]["count"] == len(deployment.dataset.ground_truth)
    accuracy = deployment.outputs("Monitoring")["BaselineAccuracy"]
    assert float(accuracy) == pytest.approx(stored["baseline"]["accuracy"], abs=1e-4)
    look()
    assert counted(deployment) == captured(deployment) == 0


def test_ordinary_pictures_raise_no_alarm_and_dark_ones_of_any_size_do(
    deployment: Deployment, look: Callable[[], dict[str, Any]], messages: Messages
) -> None:
    ordinary = pictures(deployment)
    call(deployment, [encoded(picture) for picture in ordinary])
    assert look()["records"] == PICTURES
    assert raised(deployment) == set()

    dark = [
        encoded(picture.point(lambda value: value // 4).resize(size), "JPEG")
        for picture, size in zip(ordinary, cycle([(32, 32), (64, 48), (600, 400)]))
    ]
    call(deployment, dark)
    call(deployment, dark)
    look()

    up = raised(deployment)
    assert "MeanBrightnessDrift" in up
    assert counted(deployment, "PicturesNotMeasured") == 0
    told = [message["Message"] for message in messages(len(up))]
    (brightness,) = (each for each in told if "mean brightness of the pictures moved" in each)
    assert "scones report --environment dev" in brightness
    assert "Threshold Crossed" in brightness


def test_killed_half_way_it_neither_loses_nor_doubles(
    deployment: Deployment, function: str, look: Callable[[], dict[str, Any]]
) -> None:
    client = deployment.cloud.client("lambda")
    look()
    before = counted(deployment)
    call(deployment, [encoded(picture) for picture in pictures(deployment)[:10]])
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    unreachable = {**variables, "AWS_ENDPOINT_URL_CLOUDWATCH": CLOSED}
    client.update_function_configuration(
        FunctionName=function, Environment={"Variables": unreachable}
    )
    try:
        # After it wrote down what it is about to send, before it sent it.
        assert look()["errorType"] == "EndpointConnectionError"
    finally:
        client.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )
    assert counted(deployment) == before

    long_ago(deployment)
    look()
    look()

    assert counted(deployment) == before + 10


def long_ago(deployment: Deployment) -> None:
    """Age the pending batch, which the next run would otherwise give 45 s."""
    s3, bucket = deployment.cloud.client("s3"), deployment.outputs("Storage")["ArtifactBucketName"]
    key = f"drift/{deployment.settings.endpoint_name}.json"
    state = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    state["pending"]["begun"] = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(state).encode())
