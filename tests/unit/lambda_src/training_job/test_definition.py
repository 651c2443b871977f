import json
from collections import Counter
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared import class_names
from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.staged_dataset import DatasetNotUsable
from tests.class_names import HOSTILE
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated
from tests.unit.lambda_src.training_job.resource import (
    CLASSES,
    INITIAL_MODEL,
    KEY,
    KEYS,
    PROPERTIES,
    SPOT,
    Resource,
    stage,
)


def test_a_job_has_four_channels_and_the_manifests_counts(resource: Resource) -> None:
    name = resource.create()

    request = resource.request(name)
    assert name.startswith("scones-dev-")
    counts = {"num_classes": "2", "num_training_samples": "1000"}
    assert request["HyperParameters"] == {"num_layers": "18", "epochs": "30", **counts}
    ends = {"train": "/", "validation": "/", "train_lst": ".lst", "validation_lst": ".lst"}
    assert _uris(request) == {
        name: f"s3://data/datasets/abc/{name.removesuffix('_lst')}{end}"
        for name, end in ends.items()
    }
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 2700}
    assert request.keys().isdisjoint({"EnableManagedSpotTraining", "CheckpointConfig"})
    assert request["EnableNetworkIsolation"] is True


def test_spot_training_waits_as_long_as_is_set_and_later_attempts_share_its_checkpoints(
    resource: Resource,
) -> None:
    name = resource.create(Spot=SPOT)

    request = resource.request(name)
    assert request["EnableManagedSpotTraining"] is True
    stopping = {"MaxRuntimeInSeconds": 2700, "MaxWaitTimeInSeconds": 3000}
    assert request["StoppingCondition"] == stopping
    assert request["CheckpointConfig"] == {"S3Uri": f"s3://artifacts/checkpoints/{name}"}
    resource.sagemaker.end(name, "Stopped")
    second = resource.create(Spot=SPOT)
    assert second == f"{name}-2"
    assert resource.request(second)["CheckpointConfig"] == request["CheckpointConfig"]


def test_an_earlier_model_is_a_channel_with_another_type(resource: Resource) -> None:
    request = resource.request(resource.create(InitialModelDataUrl=INITIAL_MODEL))

    types = [channel["ContentType"] for channel in request["InputDataConfig"]]
    assert types == ["application/x-image"] * 4 + ["application/x-sagemaker-model"]
    assert _uris(request)["model"] == INITIAL_MODEL


@pytest.mark.parametrize(
    ("keys", "output", "volume"),
    [({}, None, None), ({"OutputKmsKeyId": KEY}, KEY, None), (KEYS, KEY, KEY)],
)
def test_output_and_volumes_have_the_keys_that_are_given(
    resource: Resource, keys: dict[str, str], output: str | None, volume: str | None
) -> None:
    request = resource.request(resource.create(**keys))

    assert request["OutputDataConfig"].get("KmsKeyId") == output
    assert request["ResourceConfig"].get("VolumeKmsKeyId") == volume


@pytest.mark.parametrize(
    ("wanted", "pictures", "used"),
    [("32", 31, "31"), ("32", 32, "32"), (None, 31, "31"), (None, 32, None), ("8", 31, "8")],
)
def test_a_batch_is_no_larger_than_the_pictures(
    resource: Resource,
    wanted: str | None,
    pictures: int,
    used: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    objects.put("data", "datasets/few/manifest.json", json.dumps(few(pictures)))
    written = {"epochs": "3"} | ({"mini_batch_size": wanted} if wanted else {})

    name = resource.create(DatasetPrefix="datasets/few", HyperParameters=written)
    request = resource.request(name)

    assert request["HyperParameters"].get("mini_batch_size") == used
    assert ("31, the training pictures, instead of 32" in caplog.text) == (used == "31")


def few(pictures: int, validation: int = 1, rare: int = 2) -> dict[str, Any]:
    train = {"bicycle": pictures - rare, "motorcycle": rare}
    counts = {"train": train, "validation": {"bicycle": 1, "motorcycle": validation}}
    return {"classes": CLASSES, "counts": counts}


@pytest.mark.parametrize(
    ("bytes_", "volume"), [(None, 10), (499_999_999, 10), (500_000_000, 11), (15 * 10**9, 40)]
)
def test_the_volume_has_room_for_the_pictures_and_the_algorithms_copy(
    resource: Resource, bytes_: int | None, volume: int
) -> None:
    more: dict[str, Any] = {} if bytes_ is None else {"bytes": bytes_}
    stage("datasets/large", **more)

    request = resource.request(resource.create(DatasetPrefix="datasets/large"))

    assert request["ResourceConfig"]["VolumeSizeInGB"] == volume


@pytest.mark.parametrize(
    "options", [{}, {"Spot": SPOT, "InitialModelDataUrl": INITIAL_MODEL, **KEYS}]
)
def test_the_request_is_one_that_botocore_accepts(
    resource: Resource, options: dict[str, Any]
) -> None:
    name = resource.create(**options)

    client = boto3.client("sagemaker", region_name="us-east-1")
    client.create_training_job(TrainingJobName=name, **resource.request(name))


@pytest.fixture
def unbalanced() -> str:
    """The prefix of a dataset whose second class is rare."""
    objects.put("data", "datasets/rare/manifest.json", json.dumps(few(53, rare=3)))
    rows = (f"{row}\t{int(row >= 50)}\t{row}.png\n" for row in range(53))
    objects.put("data", "datasets/rare/train.lst", "".join(rows))
    return "datasets/rare"


def test_pictures_of_rare_classes_are_repeated(resource: Resource, unbalanced: str) -> None:
    plain = resource.request(resource.create(DatasetPrefix=unbalanced))
    assert f"{unbalanced}/train-balanced.lst" not in objects.keys("data")

    balanced = resource.request(resource.create(DatasetPrefix=unbalanced, ClassWeights="balanced"))

    (uri,) = set(_uris(balanced).values()) - set(_uris(plain).values())
    assert uri == f"s3://data/{unbalanced}/train-balanced.lst"
    text = objects.get("data", f"{unbalanced}/train-balanced.lst")
    lines = [line.split("\t") for line in text.splitlines()]
    assert balanced["HyperParameters"]["num_training_samples"] == str(len(lines)) == "80"
    assert [index for index, _, _ in lines] == [str(row) for row in range(80)]
    times = Counter((label, path) for _, label, path in lines)
    assert times == {
        **{("0", f"{row}.png"): 1 for row in range(50)},
        **{("1", f"{row}.png"): 10 for row in range(50, 53)},
    }
    rare = [row for row, (_, label, _) in enumerate(lines) if label == "1"]
    assert min(rare) < 10 and max(rare) >= 70 and rare != list(range(rare[0], rare[0] + 30))


def _uris(request: dict[str, Any]) -> dict[str, str]:
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request["InputDataConfig"]
    }


def test_balanced_classes_need_no_other_list(resource: Resource) -> None:
    name = resource.create()

    assert resource.create(ClassWeights="balanced") == name


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        ("0\t2\tx.png\n", r"has the line b'0\\t2\\tx.png', expected index, label below 2"),
        ("0\t0\tx.png\n", r"has \[1, 0\] pictures of the classes; manifest.json says \["),
    ],
)
def test_a_list_that_is_damaged_is_named(
    resource: Resource, unbalanced: str, content: str | None, says: str
) -> None:
    key = f"{unbalanced}/train.lst"
    objects.s3().delete_object(Bucket="data", Key=key)
    if content:
        objects.put("data", key, content)

    with pytest.raises(DatasetNotUsable, match=f"train.lst {says}.*; stage the data"):
        resource.create(DatasetPrefix=unbalanced, ClassWeights="balanced")


@pytest.mark.parametrize("listed", [True, False])
def test_classes_may_have_any_names_and_are_those_of_the_dataset_if_none_are_listed(
    resource: Resource, listed: bool
) -> None:
    stage("datasets/own", HOSTILE)
    properties = {**PROPERTIES, "DatasetPrefix": "datasets/own"}
    del properties["Classes"]
    if listed:
        properties["Classes"] = [class_names.in_ascii(name) for name in HOSTILE]
    event: dict[str, Any] = {"RequestType": "Create", "ResourceProperties": properties}

    event |= resource.handler.on_event(event, None)
    name = event["PhysicalResourceId"]
    resource.sagemaker.complete(name)
    done = resource.handler.is_complete(event, None)

    assert resource.request(name)["HyperParameters"]["num_classes"] == str(len(HOSTILE))
    assert done["Data"]["Classes"].isascii()
    assert class_names.decode(done["Data"]["Classes"]) == HOSTILE


# --- what is not as it should be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"InstanceCount": "many"}, "InstanceCount is 'many'; expected a whole number"),
        ({"InstanceCount": "0"}, "InstanceCount is '0'; expected a whole number of 1 or more"),
        ({"VolumeSizeInGB": None}, "VolumeSizeInGB is None; expected a string"),
        ({"HyperParameters": {"epochs": 3}}, "epochs is 3; expected a string"),
        ({"Classes": "bicycle"}, "Classes is 'bicycle'; expected a list"),
        ({"DataBucket": "s3://data"}, "DataBucket is 's3://data'; expected the name of a general"),
        ({"Classes": ['"']}, """Classes is \\['"'\\]; expected names escaped as in JSON"""),
        ({"HyperParameters": {"top_k": "2"}}, "top_k is '2'; .* below that of the classes, 2"),
        ({"Spot": ["yes"]}, r"Spot is \['yes'\]; expected an object"),
    ],
)
def test_a_property_of_another_type_is_named(
    resource: Resource, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        resource.create(**changes)


MANY = {"classes": CLASSES, "counts": {"train": {"bicycle": "many"}}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"{", "is damaged"),
        (b"[" * 90_000, "is damaged"),
        (b'{"classes": ["bicycle", "motorcycle"]}', "is damaged: counts is None"),
        (json.dumps(MANY).encode(), "is damaged: bicycle is 'many'"),
        (json.dumps(few(30, validation=0)).encode(), "has no validation picture of 'motorcycle'"),
        (json.dumps(few(2)).encode(), "has no training picture of 'bicycle'"),
        (json.dumps({**few(30), "bytes": "many"}).encode(), "is damaged: bytes is 'many'"),
        (b'{"classes": [1, 2], "counts": {"train": {}}}', r"has the classes \[1, 2\]"),
        (b'{"classes": ["motorcycle", "bicycle"]}', r"has the classes \['motorcycle', 'bicycle'\]"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_unusable_dataset_is_to_be_staged(
    resource: Resource, content: bytes | None, says: str
) -> None:
    if content is not None:
        objects.put("data", "datasets/odd/manifest.json", content)

    says = f"^s3://data/datasets/odd/manifest.json {says}.*; stage .*scones st"
    with pytest.raises(DatasetNotUsable, match=says):
        resource.create(DatasetPrefix="datasets/odd")


@fuzzed
@given(
    event=mutated(
        {
            "RequestType": "Create",
            "PhysicalResourceId": "scones-dev-1",
            "StartAfter": "scones-dev-0",
            "ResourceProperties": {**PROPERTIES, **KEYS, "Spot": SPOT},
        }
    ),
    kind=st.sampled_from(["Create", "Update", "Delete"]),
)
def test_any_event_starts_a_job_or_has_a_named_error(
    resource: Resource, event: Mutated, kind: str
) -> None:
    if isinstance(event.value, dict) and event.value.get("RequestType") == "Create":
        event.value["RequestType"] = kind
    resource.sagemaker.jobs.clear()
    allowed = ("InvalidEvent", "DatasetNotUsable", "TrainingFailed", "NoSuchBucket")

    for function in (resource.handler.on_event, resource.handler.is_complete):
        answer = answered(function, event, *allowed)
        assert isinstance(answer, Exception) or answer.keys() & {"PhysicalResourceId", "IsComplete"}
