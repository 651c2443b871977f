import io
import itertools
import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.drift_detector import validation_pictures
from lambda_src.drift_detector.baseline import MINIMUM, BaselineDamaged, Observation, StoredBaseline
from lambda_src.drift_detector.drift import compare, compare_models
from lambda_src.drift_detector.validation_pictures import Choice, Row
from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.staged_dataset import DatasetNotUsable, StagedDataset
from tests import odd_captures, odd_replies
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.drift_detector.detector import make_stored_baseline, png
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
SECOND_MODEL = "s3://artifacts/models/two/model.tar.gz"
PER_CLASS = 30
DARK, BRIGHT = png(60), png(180)


class Endpoint:
    """Answers class 0 for dark pictures, and is wrong as often as it is told to."""

    def __init__(self, exceptions: Any) -> None:
        self.exceptions = exceptions
        self.ids: list[str] = []
        self.calls = itertools.count(1)  # they come from several threads
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
        call = next(self.calls)
        right = not self.wrong_every or call % self.wrong_every != 0
        reply = b"[0.97, 0.03]" if (Body == DARK) == right else b"[0.03, 0.97]"
        return {"Body": io.BytesIO(reply if self.reply is None else self.reply)}


class Cloud:
    """The resource's function, with an endpoint and a staged dataset."""

    def __init__(self, resource: ModuleType, patch: pytest.MonkeyPatch) -> None:
        self.resource, self.patch = resource, patch
        self.endpoint = Endpoint(resource.runtime.exceptions)
        self.metrics: dict[str, float] = {}
        patch.setattr(resource, "runtime", self.endpoint)
        patch.setattr(resource.cloudwatch, "put_metric_data", self.put_metric_data)

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        assert Namespace == "Scones/dev"
        for each in MetricData:
            assert each["Dimensions"] == [{"Name": "EndpointName", "Value": "scones-dev"}]
            self.metrics[each["MetricName"]] = each["Value"]

    def stage(self, per_class: int = PER_CLASS, classes: list[str] = CLASSES) -> None:
        for label, picture in enumerate((DARK, BRIGHT)):
            self.put(f"validation/picture_{label}.png", picture)
        labels = enumerate([0] * per_class + [1] * per_class)
        rows = (f"{index}\t{label}\tpicture_{label}.png\n" for index, label in labels)
        self.put("validation.lst", "".join(rows))
        self.put("manifest.json", json.dumps({"classes": classes}))

    def put(self, path: str, content: bytes | str) -> None:
        objects.put("data", f"datasets/one/{path}", content)

    def send(self, kind: str, physical_id: str = "", **properties: Any) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "PhysicalResourceId": physical_id,
            "ResourceProperties": {**PROPERTIES, **properties},
        }
        answer: dict[str, Any] = self.resource.on_event(event, None)
        return answer

    def create(self, **properties: Any) -> StoredBaseline:
        return stored(self.send("Create", **properties)["PhysicalResourceId"])

    def refuse(self, error: type[Exception], says: str, **properties: Any) -> None:
        with pytest.raises(error, match=says) as raised:
            self.send("Create", **properties)
        assert len(str(raised.value)) < 1100
        assert objects.keys("artifacts") == []


def stored(key: str) -> StoredBaseline:
    return StoredBaseline.load(objects.s3(), bucket="artifacts", key=key)


@pytest.fixture
def cloud(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        resource = import_handler("drift_detector", module="baseline_resource")
        for bucket in ("data", "artifacts"):
            objects.s3().create_bucket(Bucket=bucket)
        yield Cloud(resource, monkeypatch)


def test_a_baseline_is_made_of_the_validation_pictures(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.wrong_every = 4

    answer = cloud.send("Create")

    key = answer["PhysicalResourceId"]
    assert answer["Data"] == {"Key": key, "Accuracy": "0.7500"}
    made = stored(key)
    assert made.classes == ("bicycle", "motorcycle")
    assert made.model_data_url == PROPERTIES["ModelDataUrl"]
    assert made.baseline.count == 2 * PER_CLASS
    assert made.baseline.quantities["brightness"].mean == pytest.approx(120, abs=5)
    assert made.baseline.class_design.mean == pytest.approx(4 * 0.75 * 0.25, abs=0.05)
    assert all(each.startswith("baseline-") and len(each) <= 64 for each in cloud.endpoint.ids)


def test_the_side_of_the_pictures_is_part_of_it_and_32_if_the_manifest_has_none(
    cloud: Cloud,
) -> None:
    cloud.stage()
    assert cloud.create().side == 32

    cloud.put("manifest.json", json.dumps({"classes": CLASSES, "side": 256}))
    assert cloud.create().side == 256


@pytest.mark.parametrize(
    ("shares", "pictures", "counts"),
    [
        (["0.5", "0.5"], 50, [25, 25]),
        (["0.8", "0.2"], 400, [40, 10]),
        (["0.3", "0.7"], 400, [17, 40]),
    ],
)
def test_pictures_are_taken_by_the_classes_shares_of_the_traffic(
    cloud: Cloud, shares: list[str], pictures: int, counts: list[int]
) -> None:
    cloud.stage(per_class=40)
    cloud.patch.setattr(validation_pictures, "PICTURES", pictures)

    assert cloud.create(ClassShares=shares).baseline.class_counts == counts


def test_classes_and_shares_that_are_not_listed_are_those_of_the_dataset(cloud: Cloud) -> None:
    classes = ["scone, burnt", "\u534a\u713c\u3051"]
    cloud.stage(classes=classes)
    rows = objects.get("data", "datasets/one/validation.lst").splitlines()[: PER_CLASS + 20]
    cloud.put("validation.lst", "\n".join(rows))

    event = {name: value for name, value in PROPERTIES.items() if not name.startswith("Class")}
    answer = cloud.resource.on_event({"RequestType": "Create", "ResourceProperties": event}, None)

    made = stored(answer["PhysicalResourceId"])
    assert made.classes == tuple(classes)
    assert made.baseline.class_counts == [PER_CLASS, 20]


def test_the_same_inputs_have_the_same_key_and_others_another(cloud: Cloud) -> None:
    cloud.stage()
    changes: list[dict[str, Any]] = [{}, {"ServiceToken": "arn:another"}]
    changes += [{"ModelDataUrl": SECOND_MODEL}, {"ClassShares": ["0.6", "0.4"]}]
    made = [cloud.send("Create", **change)["PhysicalResourceId"] for change in changes]
    first, same, *others = made

    assert first == same
    assert len({first, *others}) == 3


def test_a_model_that_does_worse_than_the_one_before_shows(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.stage(per_class=40)
    old = cloud.send("Create")["PhysicalResourceId"]
    assert cloud.metrics == {}
    cloud.endpoint.wrong_every = 3

    cloud.send("Update", old, ModelDataUrl=SECOND_MODEL)

    assert cloud.metrics["ModelAccuracyDrift"] > 1
    assert cloud.metrics["ModelMeanConfidenceDrift"] == 0
    assert "compared with the earlier model: Accuracy is 0.66" in caplog.text


@pytest.mark.parametrize("earlier", [None, b'{"created": 1}', "of other classes"])
def test_an_update_without_a_comparable_baseline_makes_one(cloud: Cloud, earlier: Any) -> None:
    cloud.stage()
    key = "baselines/old.json"
    if isinstance(earlier, bytes):
        objects.put("artifacts", key, earlier)
    elif earlier:
        cloud.stage(classes=["scooter", "motorcycle"])
        key = cloud.send("Create", Classes=["scooter", "motorcycle"])["PhysicalResourceId"]
        cloud.stage()

    answer = cloud.send("Update", key)

    assert stored(answer["PhysicalResourceId"]).baseline.accuracy == 1
    assert cloud.metrics == {}


def test_delete_removes_the_baseline_and_nothing_else(cloud: Cloud) -> None:
    cloud.stage()
    key = cloud.send("Create")["PhysicalResourceId"]
    objects.put("artifacts", "models/one")

    for other in ("AWSCDK::CustomResourceProviderFramework::CREATE_FAILED", "models/one"):
        cloud.send("Delete", other)
    assert objects.keys("artifacts") == [key, "models/one"]
    for _ in range(2):
        cloud.send("Delete", key)

    assert objects.keys("artifacts") == ["models/one"]


# --- datasets ------------------------------------------------------------------------------------

ODD_FILES = [
    ("manifest.json", b"{", "is damaged: Expecting"),
    ("manifest.json", b"\xff", "is damaged"),
    ("manifest.json", b"[" * 90_000, "is damaged: nested too deeply"),
    ("manifest.json", b"[]", "has the classes None, expected"),
    ("manifest.json", b'{"classes": [[0]]}', r"has the classes \[\[0\]\]"),
    ("manifest.json", b'{"classes": ["bicycle", "pickup_truck"]}', "classes .*pickup_truck"),
    *(
        ("manifest.json", b'{"classes": ["bicycle", "motorcycle"], "side": %b}' % side, "the side")
        for side in (b"0", b"1e9", b"true", b'"wide"')
    ),
    ("validation.lst", b"0\t0", r"has the line b'0\\t0'"),
    ("validation.lst", b"0\tone\tx.png", r"b'0\\tone\\tx.png', expected index, label below 2"),
    ("validation.lst", b"0\tnan\tx.png", "label below 2"),
    ("validation.lst", b"0\t1e400\tx.png", "label below 2"),
    ("validation.lst", b"0\t0.5\tx.png", "label below 2"),
    ("validation.lst", b"0\t2\tx.png", "label below 2"),
    ("validation.lst", b"0\t1\t\xff.png", "label below 2"),
    ("validation.lst", b"0\t0\tpicture_0.png", "has 1 validation pictures; a baseline takes 50"),
    (
        "validation.lst",
        b"0\t0\tpicture_0.png\n" * MINIMUM,
        "has 0 .*'motorcycle'; .* 50 .* 25 of that",
    ),
]


def test_a_dataset_that_is_missing_damaged_or_too_small_is_refused(cloud: Cloud) -> None:
    remedy = ".*; stage the data: scones stage; or set drift.enabled = false$"
    cloud.refuse(DatasetNotUsable, f"^s3://data/datasets/one/manifest.json does not exist{remedy}")
    cloud.stage()

    for name, content, says in ODD_FILES:
        good = objects.get("data", f"datasets/one/{name}")
        cloud.put(name, content)
        cloud.refuse(DatasetNotUsable, f"^s3://data/datasets/one/{name} .*({says}){remedy}")
        cloud.put(name, good)
    assert cloud.endpoint.ids == []
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
    cloud.patch.setattr(StagedDataset, "read", lambda _, path: files.get(path, DARK))
    cloud.endpoint.reply = reply

    inputs = cloud.resource.Inputs.of(PROPERTIES)
    allowed = ("DatasetNotUsable", "EndpointNotUsable")
    made = outcome(lambda: cloud.resource._make(inputs), *allowed)

    if isinstance(made, StoredBaseline):
        assert made.baseline.count >= MINIMUM
        assert all(0 <= confidence <= 1 for confidence in made.baseline.confidences)


# --- endpoints -----------------------------------------------------------------------------------


def test_an_endpoint_that_answers_something_else_is_refused(cloud: Cloud) -> None:
    cloud.stage(per_class=1)
    cloud.patch.setattr(cloud.resource, "choose", lambda *_: Choice([Row(0, "picture_0.png")], 0))

    for reply in (b"<html>", *odd_replies.OTHER_COUNT):
        cloud.endpoint.reply = reply
        says = "endpoint scones-dev, picture picture_0.png: (endpoint .* answered b|. probabilit)"
        cloud.refuse(cloud.resource.EndpointNotUsable, says)


def test_rounding_is_no_reason_to_refuse_an_endpoint(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.reply = b"[1.0000001192092896, -1.1920929e-07]"

    assert set(cloud.create().baseline.confidences) == {1.0}


def test_an_endpoint_that_is_not_there_is_refused_by_name(cloud: Cloud) -> None:
    cloud.stage()
    cloud.endpoint.error = cloud.endpoint.exceptions.ClientError(
        {"Error": {"Code": "ValidationError", "Message": "Endpoint scones-dev not found"}},
        "InvokeEndpoint",
    )

    cloud.refuse(cloud.resource.EndpointNotUsable, r"picture_\d+.png.*not found")


# --- what is damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DataBucket": None}, "DataBucket is None; expected a string"),
        ({"Classes": "bicycle"}, "Classes is 'bicycle'; expected a list"),
        ({"Classes": ["bicycle"]}, "ClassShares is ['0.5', '0.5']; expected a share above 0"),
        ({"ClassShares": ["0.5"]}, "ClassShares is ['0.5']; expected a share above 0"),
        ({"ClassShares": ["1", "0"]}, "ClassShares is ['1', '0']; expected a share above 0"),
        ({"ClassShares": ["1", "nan"]}, "ClassShares is ['1', 'nan']; expected a share above 0"),
        ({"ClassShares": ["1", "half"]}, "ClassShares is ['1', 'half']; expected a share"),
    ],
)
def test_a_property_of_another_type_is_named(
    cloud: Cloud, changes: dict[str, Any], message: str
) -> None:
    cloud.refuse(InvalidEvent, f"^{re.escape(message)}", **changes)


@fuzzed_with_objects
@given(
    event=mutated({"PhysicalResourceId": "baselines/old.json", "ResourceProperties": PROPERTIES}),
    kind=st.sampled_from(["Create", "Update", "Delete"]),
    manifest=mutated({"classes": CLASSES, "side": 40}),
)
def test_any_event_and_dataset_make_a_baseline_or_have_a_named_error(
    cloud: Cloud, event: Mutated, kind: str, manifest: Mutated
) -> None:
    cloud.stage(per_class=1)  # too few, found out at the end of all checks
    cloud.put("manifest.json", as_json(manifest))
    if isinstance(event.value, dict):
        event.value["RequestType"] = kind

    allowed = ("InvalidEvent", "DatasetNotUsable", "NoSuchBucket")
    answer = answered(cloud.resource.on_event, event, *allowed)

    assert isinstance(answer, Exception) or kind == "Delete"


@fuzzed_with_objects
@given(data=st.data())
def test_any_stored_baseline_is_read_or_damaged(cloud: Cloud, data: st.DataObject) -> None:
    good = make_stored_baseline()
    good.save(objects.s3(), bucket="artifacts", key="baselines/one.json")
    changed = data.draw(mutated(json.loads(objects.get("artifacts", "baselines/one.json"))))
    objects.put("artifacts", "baselines/old.json", as_json(changed))

    found = outcome(lambda: stored("baselines/old.json"), BaselineDamaged.__name__)

    if not isinstance(found, Exception):
        compare_models(found.baseline, good.baseline)
        window = [Observation(0.5, n % len(found.classes), 0.0, 0.0, 0.0) for n in range(MINIMUM)]
        compare(found.baseline, window, threshold=0.5)
