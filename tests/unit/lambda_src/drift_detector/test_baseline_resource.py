"""The baseline is made, compared with the one before it, and removed."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.drift_detector import validation_pictures
from lambda_src.drift_detector.baseline import MINIMUM, BaselineDamaged, Observation, StoredBaseline
from lambda_src.drift_detector.drift import compare, compare_models
from lambda_src.drift_detector.validation_pictures import Row
from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.staged_dataset import DatasetNotUsable, StagedDataset
from tests import odd_captures, odd_replies
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.drift_detector.conftest import png
from tests.unit.lambda_src.drift_detector.detector import make_baseline
from tests.unit.lambda_src.hostile import (
    Mutated,
    answered,
    as_json,
    fuzzed,
    fuzzed_with_objects,
    mutated,
    outcome,
)

CLASSES = ["bicycle", "motorcycle"]
PROPERTIES = {
    "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:provider",
    "EndpointName": "scones-dev",
    "ModelDataUrl": "s3://artifacts/models/one/model.tar.gz",
    "DataBucket": "data",
    "DatasetPrefix": "datasets/one",
    "ArtifactBucket": "artifacts",
    "Classes": CLASSES,
    "ClassShares": ["0.5", "0.5"],
    "Namespace": "Scones/dev",
}
PER_CLASS = 40
PICTURE = png(60)


class Endpoint:
    """Answers class 0 for dark pictures, and is wrong as often as it is told to."""

    def __init__(self, exceptions: Any) -> None:
        self.exceptions = exceptions
        self.ids: list[str] = []
        self.wrong_every = 0
        self.reply: bytes | None = None
        self.error: Exception | None = None

    def invoke_endpoint(
        self, *, EndpointName: str, ContentType: str, Body: bytes, InferenceId: str
    ) -> dict[str, Any]:
        assert (EndpointName, ContentType) == ("scones-dev", "application/x-image")
        if self.error:
            raise self.error
        self.ids.append(InferenceId)
        right = not (self.wrong_every and len(self.ids) % self.wrong_every == 0)
        dark = Body == png(60)
        reply = [0.97, 0.03] if dark == right else [0.03, 0.97]
        return {
            "Body": io.BytesIO(json.dumps(reply).encode() if self.reply is None else self.reply)
        }


class Cloud:
    """The resource's function, with an endpoint and a staged dataset."""

    def __init__(self, resource: ModuleType, patch: pytest.MonkeyPatch) -> None:
        self.resource, self.patch = resource, patch
        self.s3 = boto3.client("s3")
        self.endpoint = Endpoint(resource.runtime.exceptions)
        patch.setattr(resource, "runtime", self.endpoint)

    def stage(self, per_class: int = PER_CLASS, classes: list[str] = CLASSES) -> None:
        lines = []
        for index in range(2 * per_class):
            label = index // per_class
            lines.append(f"{index}\t{label}\tpicture_{index}.png\n")
            self.put(f"validation/picture_{index}.png", png(60 if label == 0 else 180))
        self.put("validation.lst", "".join(lines).encode())
        self.put("manifest.json", json.dumps({"classes": classes}).encode())

    def put(self, path: str, content: bytes) -> None:
        self.s3.put_object(Bucket="data", Key=f"datasets/one/{path}", Body=content)

    def send(self, kind: str, physical_id: str = "", **properties: Any) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "PhysicalResourceId": physical_id,
            "ResourceProperties": {**PROPERTIES, **properties},
        }
        answer: dict[str, Any] = self.resource.on_event(event, None)
        return answer

    def stored(self, key: str) -> StoredBaseline:
        return StoredBaseline.load(self.s3, bucket="artifacts", key=key)

    def keys(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket="artifacts")
        return [item["Key"] for item in found.get("Contents", [])]

    def metric(self, name: str) -> float | None:
        now = datetime.now(UTC)
        found = boto3.client("cloudwatch").get_metric_statistics(
            Namespace="Scones/dev",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "scones-dev"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Maximum"],
        )["Datapoints"]
        return found[0]["Maximum"] if found else None


@pytest.fixture
def cloud(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        resource = import_handler("drift_detector", module="baseline_resource")
        s3 = boto3.client("s3")
        for bucket in ("data", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        yield Cloud(resource, monkeypatch)


def test_a_baseline_is_made_of_the_validation_pictures(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.wrong_every = 4

    answer = cloud.send("Create")

    key = answer["PhysicalResourceId"]
    assert answer["Data"] == {"Key": key, "Accuracy": "0.7500"}
    stored = cloud.stored(key)
    assert stored.classes == ("bicycle", "motorcycle")
    assert stored.model_data_url == PROPERTIES["ModelDataUrl"]
    assert stored.baseline.count == 2 * PER_CLASS
    assert stored.baseline.quantities["brightness"].mean == pytest.approx(120, abs=5)
    assert stored.baseline.class_design.mean == pytest.approx(4 * 0.75 * 0.25, abs=0.05)
    assert all(each.startswith("baseline-") and len(each) <= 64 for each in cloud.endpoint.ids)


def test_pictures_are_taken_evenly_over_the_classes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.stage()
    monkeypatch.setattr(validation_pictures, "PICTURES", 50)

    stored = cloud.stored(cloud.send("Create")["PhysicalResourceId"])

    assert stored.baseline.class_counts == [25, 25]


@pytest.mark.parametrize(
    ("shares", "counts"), [(["0.8", "0.2"], [40, 10]), (["0.3", "0.7"], [17, 40])]
)
def test_pictures_are_taken_by_the_classes_shares_of_the_traffic(
    cloud: Cloud, shares: list[str], counts: list[int]
) -> None:
    cloud.stage()

    stored = cloud.stored(cloud.send("Create", ClassShares=shares)["PhysicalResourceId"])

    assert stored.baseline.class_counts == counts


def test_the_same_inputs_have_the_same_key_and_others_another(cloud: Cloud) -> None:
    cloud.stage()
    keys = [
        cloud.send("Create", **properties)["PhysicalResourceId"]
        for properties in (
            {},
            {"ServiceToken": "arn:another"},
            {"ModelDataUrl": "s3://artifacts/models/two/model.tar.gz"},
            {"ClassShares": ["0.6", "0.4"]},
        )
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_model_that_does_worse_than_the_one_before_shows(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.stage()
    old = cloud.send("Create")["PhysicalResourceId"]
    assert cloud.metric("ModelAccuracyDrift") is None
    cloud.endpoint.wrong_every = 3

    cloud.send("Update", old, ModelDataUrl="s3://artifacts/models/two/model.tar.gz")

    drift = cloud.metric("ModelAccuracyDrift")
    assert drift is not None and drift > 1
    assert cloud.metric("ModelMeanConfidenceDrift") == 0
    assert "compared with the earlier model: Accuracy is 0.66" in caplog.text


def test_models_of_other_classes_are_not_compared(cloud: Cloud) -> None:
    cloud.stage()
    old = cloud.send("Create")["PhysicalResourceId"]
    cloud.stage(classes=["scooter", "motorcycle"])

    cloud.send("Update", old, Classes=["scooter", "motorcycle"])

    assert cloud.metric("ModelAccuracyDrift") is None


def test_a_lost_old_baseline_does_not_stop_the_new_one(cloud: Cloud) -> None:
    cloud.stage()

    answer = cloud.send("Update", "baselines/gone.json")

    assert cloud.keys() == [answer["PhysicalResourceId"]]


def test_delete_removes_the_baseline_and_nothing_else(cloud: Cloud) -> None:
    cloud.stage()
    key = cloud.send("Create")["PhysicalResourceId"]
    cloud.s3.put_object(Bucket="artifacts", Key="models/one", Body=b"")

    cloud.send("Delete", "AWSCDK::CustomResourceProviderFramework::CREATE_FAILED")
    cloud.send("Delete", "models/one")
    assert cloud.keys() == [key, "models/one"]
    cloud.send("Delete", key)
    cloud.send("Delete", key)

    assert cloud.keys() == ["models/one"]


def test_without_staged_pictures_it_says_what_to_do(cloud: Cloud) -> None:
    with pytest.raises(DatasetNotUsable, match=r"(?s)manifest.*scones stage.*drift"):
        cloud.send("Create")


def test_pictures_of_other_classes_are_refused(cloud: Cloud) -> None:
    cloud.stage(classes=["bicycle", "pickup_truck"])

    with pytest.raises(DatasetNotUsable, match="pickup_truck"):
        cloud.send("Create")


ODD_FILES = [
    ("manifest.json", b"{", "is damaged: Expecting"),
    ("manifest.json", b"\xff", "is damaged"),
    ("manifest.json", b"[" * 90_000, "is damaged: brackets within brackets"),
    ("manifest.json", b"[]", "has the classes None, expected"),
    ("manifest.json", b"{}", "has the classes None, expected"),
    ("manifest.json", b'{"classes": [[0]]}', r"has the classes \[\[0\]\]"),
    ("validation.lst", b"0\t0", r"has the line b'0\\t0'"),
    ("validation.lst", b"0\tone\tx.png", r"b'0\\tone\\tx.png', expected index, label below 2"),
    ("validation.lst", b"0\tnan\tx.png", "label below 2"),
    ("validation.lst", b"0\t1e400\tx.png", "label below 2"),
    ("validation.lst", b"0\t0.5\tx.png", "label below 2"),
    ("validation.lst", b"0\t2\tx.png", "label below 2"),
    ("validation.lst", b"0\t1\t\xff.png", "label below 2"),
]


def test_a_dataset_that_staging_did_not_write_is_refused(cloud: Cloud) -> None:
    cloud.stage()

    for name, content, says in ODD_FILES:
        good = cloud.s3.get_object(Bucket="data", Key=f"datasets/one/{name}")["Body"].read()
        cloud.put(name, content)
        with pytest.raises(
            DatasetNotUsable, match=f"^s3://data/datasets/one/{name} .*{says}.*; stage"
        ):
            cloud.send("Create")
        cloud.put(name, good)
    cloud.send("Create")


@fuzzed
@given(
    manifest=odd_captures.edited(json.dumps({"classes": CLASSES, "digest": "one"}).encode()),
    rows=odd_captures.edited(
        b"".join(b"%d\t%d.000000\ta%d.png\n" % (row, row % 2, row) for row in range(MINIMUM))
    ),
    reply=odd_captures.replies,
)
def test_any_dataset_and_reply_make_a_baseline_or_a_named_error(
    cloud: Cloud, manifest: bytes, rows: bytes, reply: bytes
) -> None:
    files = {"manifest.json": manifest, "validation.lst": rows}
    cloud.patch.setattr(StagedDataset, "read", lambda _, path: files.get(path, PICTURE))
    cloud.endpoint.reply = reply

    made = outcome(
        lambda: cloud.resource._make(cloud.resource.Inputs.of(PROPERTIES)),
        "DatasetNotUsable",
        "EndpointNotUsable",
    )

    if isinstance(made, StoredBaseline):
        assert made.baseline.count >= MINIMUM
        assert all(0 <= confidence <= 1 for confidence in made.baseline.confidences)


def test_too_few_pictures_are_refused_and_none_is_stored(cloud: Cloud) -> None:
    cloud.stage(per_class=10)

    says = "datasets/one/validation.lst has 10 pictures of 'bicycle'; .* 25 of that class"
    with pytest.raises(DatasetNotUsable, match=says):
        cloud.send("Create")
    assert cloud.keys() == []


def test_a_class_without_pictures_is_named(cloud: Cloud) -> None:
    cloud.stage()
    lines = "".join(f"{index}\t0\tpicture_{index}.png\n" for index in range(PER_CLASS))
    cloud.put("validation.lst", lines.encode())

    says = "datasets/one/validation.lst has 0 pictures of 'motorcycle'; .* 25 of that class"
    with pytest.raises(DatasetNotUsable, match=says):
        cloud.send("Create")
    assert cloud.endpoint.ids == []


def test_an_endpoint_that_answers_something_else_is_refused(cloud: Cloud) -> None:
    cloud.stage(per_class=1)
    cloud.patch.setattr(cloud.resource, "choose", lambda *_: [Row(0, "picture_0.png")])
    refused = odd_replies.REFUSED | odd_replies.WRAPPED

    for cloud.endpoint.reply in (*refused.values(), *odd_replies.OTHER_COUNT):
        says = r"endpoint scones-dev, picture picture_0.png: (endpoint .* answered b|\d prob)"
        with pytest.raises(cloud.resource.EndpointNotUsable, match=says) as raised:
            cloud.send("Create")
        assert len(str(raised.value)) < 1100
    assert cloud.keys() == []


def test_rounding_is_no_reason_to_refuse_an_endpoint(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.reply = b"[1.0000001192092896, -1.1920929e-07]"

    stored = cloud.stored(cloud.send("Create")["PhysicalResourceId"])

    assert set(stored.baseline.confidences) == {1.0}


def test_an_endpoint_that_is_not_there_is_refused_by_name(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.error = cloud.endpoint.exceptions.ClientError(
        {"Error": {"Code": "ValidationError", "Message": "Endpoint scones-dev not found"}},
        "InvokeEndpoint",
    )

    with pytest.raises(cloud.resource.EndpointNotUsable, match=r"picture_\d+.png.*not found"):
        cloud.send("Create")


# --- what is damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DataBucket": None}, "DataBucket is None; expected a text"),
        ({"Classes": "bicycle"}, "Classes is 'bicycle'; expected a list"),
        (
            {"Classes": ["bicycle"]},
            "ClassShares is .*; expected a share above 0 and up to 1 of each",
        ),
        ({"ClassShares": ["0.5"]}, r"ClassShares is \['0.5'\]; expected a share above 0"),
        ({"ClassShares": ["1", "0"]}, r"ClassShares is \['1', '0'\]; expected a share above 0"),
        ({"ClassShares": ["1", "nan"]}, r"ClassShares is \['1', 'nan'\]; expected a share above 0"),
        ({"ClassShares": ["1", "half"]}, r"ClassShares is \['1', 'half'\]; expected a share"),
    ],
)
def test_a_property_of_another_type_is_named(
    cloud: Cloud, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        cloud.send("Create", **changes)


def test_a_damaged_earlier_baseline_does_not_stop_an_update(cloud: Cloud) -> None:
    cloud.stage()
    cloud.s3.put_object(Bucket="artifacts", Key="baselines/old.json", Body=b'{"created": 1}')

    answer = cloud.send("Update", "baselines/old.json")

    assert cloud.stored(answer["PhysicalResourceId"]).baseline.accuracy == 1


@fuzzed_with_objects
@given(
    event=mutated({"PhysicalResourceId": "baselines/old.json", "ResourceProperties": PROPERTIES}),
    kind=st.sampled_from(["Create", "Update", "Delete"]),
    manifest=mutated({"classes": CLASSES}),
)
def test_any_event_and_dataset_make_a_baseline_or_have_a_named_error(
    cloud: Cloud, event: Mutated, kind: str, manifest: Mutated
) -> None:
    cloud.stage(per_class=1)  # too few, found out at the end of all checks
    cloud.put("manifest.json", as_json(manifest))
    if isinstance(event.value, dict):
        event.value["RequestType"] = kind

    answer = answered(
        cloud.resource.on_event, event, "InvalidEvent", "DatasetNotUsable", "NoSuchBucket"
    )

    assert isinstance(answer, Exception) or kind == "Delete"


@fuzzed_with_objects
@given(data=st.data())
def test_any_stored_baseline_is_read_or_damaged(cloud: Cloud, data: st.DataObject) -> None:
    stored = StoredBaseline(
        datetime.now(UTC), "s3://a/b", "datasets/one", ("a", "b"), make_baseline()
    )
    stored.save(cloud.s3, bucket="artifacts", key="baselines/one.json")
    body = cloud.s3.get_object(Bucket="artifacts", Key="baselines/one.json")["Body"]
    changed = data.draw(mutated(json.load(body)))
    cloud.s3.put_object(Bucket="artifacts", Key="baselines/old.json", Body=as_json(changed))

    found = outcome(lambda: cloud.stored("baselines/old.json"), BaselineDamaged.__name__)

    if not isinstance(found, Exception):
        compare_models(found.baseline, stored.baseline)
        window = [Observation(0.5, n % len(found.classes), 0.0, 0.0, 0.0) for n in range(MINIMUM)]
        compare(found.baseline, window, threshold=0.5)
