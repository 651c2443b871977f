"""Your own pictures become the same dataset wherever they are; only changes are uploaded."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from operations import datasets, staging
from operations.staging import Upload
from settings import Settings
from settings.loader import validate
from tests.own_pictures import class_of, copy, write_pictures
from training import pictures_csv
from training.dataset import Dataset, Picture, StagedObject
from training.errors import StagingError
from training.manifest import parse
from training.selection import select
from training.source import Prepared

QUIET = Console(quiet=True)
CLASSES = {"scone, burnt": 9, "Gebäck": 8, "Pick-up": 7}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let tests share what they have prepared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), CLASSES)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may change."""
    return shutil.copytree(shared, tmp_path / "pictures")


def settings_of(location: object, source: str = "folder", **dataset: Any) -> Settings:
    values = {"source": source, "pictures": str(location), "side": 32, **dataset}
    return validate({"dataset": values}, environment="dev", source="test")


def stage(settings: Settings) -> Upload:
    return staging.run(settings, staging.source_of(settings), console=QUIET)


def objects(bucket: str, prefix: str) -> dict[str, bytes]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(f"{prefix}/"): s3.get_object(Bucket=bucket, Key=item["Key"])[
            "Body"
        ].read()
        for item in found
    }


def test_a_folder_is_staged_with_its_classes_and_where_each_picture_came_from(
    bucket: str, shared: Path
) -> None:
    done = stage(settings_of(shared))
    files = objects(bucket, done.prefix)
    manifest = parse(files["manifest.json"], "here")
    assert manifest.classes == ("Gebäck", "Pick-up", "scone, burnt")
    assert (manifest.source, manifest.side, done.uploaded) == ("folder", 32, len(files))
    listed = pictures_csv.parse(files["pictures.csv"], "here")
    assert {f"{each.split}/{each.file}" for each in listed} == {
        path for path in files if path.endswith(".png")
    }
    assert {each.source for each in listed} == {
        path.relative_to(shared).as_posix() for path in shared.rglob("*.*")
    }
    assert {each.label == each.source.split("/")[0] for each in listed} == {True}
    rows = [line.split("\t") for line in files["train.lst"].decode().splitlines()]
    assert [file for _, _, file in rows] == sorted(
        each.file for each in listed if each.split == "train"
    )


def test_a_second_staging_changes_nothing(bucket: str, shared: Path) -> None:
    first = stage(settings_of(shared))
    again = stage(settings_of(shared))
    assert (again.digest, again.uploaded, again.pointer_moved) == (first.digest, 0, False)


def test_another_name_of_a_file_is_listed_and_keeps_the_dataset(bucket: str, folder: Path) -> None:
    first = stage(settings_of(folder))
    (folder / "Pick-up" / "1.jpg").rename(folder / "Pick-up" / "9.jpg")
    again = stage(settings_of(folder))
    assert (again.digest, again.uploaded) == (first.digest, 2)
    assert b"Pick-up/9.jpg" in objects(bucket, again.prefix)["pictures.csv"]


def test_a_class_that_is_added_moves_no_other_picture(bucket: str, folder: Path) -> None:
    first = stage(settings_of(folder))
    write_pictures(folder, {"new": 6}, seed=2)
    second = stage(settings_of(folder))
    before, after = (
        {path for path in objects(bucket, done.prefix) if path.endswith(".png")}
        for done in (first, second)
    )
    assert len(after - before) == 6
    assert before < after


@pytest.mark.parametrize("classes", [["Pick-up", "Gebäck"], ["Gebäck", "Pick-up", "scone, burnt"]])
def test_classes_that_the_settings_list_are_staged_in_their_order(
    shared: Path, classes: list[str]
) -> None:
    settings = settings_of(shared, classes=classes)
    staged = staging.prepare(settings, staging.source_of(settings), console=QUIET)
    assert list(staged.classes) == classes
    assert staged.counts["train"].keys() == set(classes)


def test_a_class_that_the_pictures_lack_is_refused_with_theirs(shared: Path) -> None:
    settings = settings_of(shared, classes=["Pick-up", "bicycle"])
    with pytest.raises(StagingError, match="'bicycle' is not among the 3 .*'Gebäck'.*list those"):
        staging.prepare(settings, staging.source_of(settings), console=QUIET)


def test_pictures_in_s3_and_lists_make_the_same_pictures(
    bucket: str, shared: Path, tmp_path: Path
) -> None:
    s3 = boto3.client("s3")
    for path in shared.rglob("*.*"):
        s3.upload_file(str(path), bucket, f"mine/{path.relative_to(shared).as_posix()}")
    rows = (f'"{path}","{path.parent.name}"\n' for path in sorted(shared.rglob("*.*")))
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(rows))

    local = stage(settings_of(shared))
    assert stage(settings_of(f"s3://{bucket}/mine")).digest == local.digest
    listed = stage(settings_of(tmp_path / "list.csv", source="manifest"))
    assert objects(bucket, listed.prefix)["train.lst"] == objects(bucket, local.prefix)["train.lst"]


def test_too_many_refused_pictures_stop_it_with_their_names(bucket: str, folder: Path) -> None:
    copy(folder, "Gebäck/0.png", "Pick-up/other.png")
    with pytest.raises(StagingError, match="2 of 25 pictures are refused") as error:
        stage(settings_of(folder))
    assert "Pick-up/other.png: the same picture has another label: Gebäck/0.png" in str(error.value)
    assert objects(bucket, "datasets") == {}
    assert stage(settings_of(folder, max_refused_percent=10)).uploaded


def test_a_picture_of_an_earlier_dataset_is_copied_in_s3(
    bucket: str, aws: boto3.Session, shared: Path
) -> None:
    settings = settings_of(shared)
    parent = staging.prepare(settings, staging.source_of(settings), console=QUIET)
    datasets.upload(parent, bucket)

    def from_parent(split: str, picture: Picture) -> Picture:
        key = f"{parent.prefix}/{split}/{picture.file_name}"
        size = boto3.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
        return Picture(
            picture.file_name,
            picture.label,
            picture.sha256,
            picture.fingerprint,
            picture.origin,
            StagedObject(key, size),
        )

    child = Dataset(
        source="labels",
        side=parent.side,
        classes=parent.classes,
        splits={
            split: [from_parent(split, each) for each in pictures]
            for split, pictures in parent.splits.items()
        },
        refused=(),
        parent=parent.digest,
    )
    sent: list[str] = []
    aws.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: sent.append(params["Key"])
    )
    datasets.upload(child, bucket)
    copied, original = objects(bucket, child.prefix), objects(bucket, parent.prefix)
    assert {path: copied[path] for path in copied if path.endswith(".png")} == {
        path: original[path] for path in original if path.endswith(".png")
    }
    assert not [key for key in sent if key.endswith(".png")]
    assert parse(copied["manifest.json"], "here").parent == parent.digest


def test_an_inspection_writes_a_sheet_with_escaped_names(folder: Path, tmp_path: Path) -> None:
    copy(folder, "Gebäck/0.png", "Pick-up/<b>&.png")
    settings = staging.with_pictures(settings_of(folder), str(folder))
    faults = staging.inspect(
        settings, staging.source_of(settings), folder=tmp_path / "sheet", console=QUIET
    )
    assert faults and "2 of 25 pictures are refused" in faults[0]
    page = (tmp_path / "sheet" / "index.html").read_text()
    assert "Pick-up/&lt;b&gt;&amp;.png" in page
    assert "<b>" not in page
    assert page.count("<img ") == 23
    listed = (tmp_path / "sheet" / "not-staged.csv").read_text("utf-8-sig")
    assert "Pick-up/<b>&.png,refused,the same picture has another label: Gebäck/0.png" in listed


@pytest.mark.parametrize(
    ("counts", "changes", "says"),
    [
        ((400, 400), {}, []),
        ((400, 100), {}, ["the classes are unbalanced: .*'fine'.*class_weights"]),
        ((400, 100), {"training": {"class_weights": "balanced"}}, []),
        ((40, 40), {}, ["validation pictures; a baseline takes 50"]),
        ((40, 40), {"drift": {"enabled": False}}, []),
        ((400, 400), {"dataset": {"side": 224}}, ["800 of 800 pictures have fewer than 224"]),
        (
            (400, 400),
            {"dataset": {"side": 64}, "training": {"preset": "pretrained"}},
            ["with 64 pixels, and the network sees 224"],
        ),
    ],
)
def test_what_a_model_will_suffer_from_is_said(
    counts: tuple[int, int], changes: dict[str, dict[str, Any]], says: list[str]
) -> None:
    values: dict[str, dict[str, Any]] = {
        **changes,
        "dataset": {"source": "folder", "side": 200} | changes.get("dataset", {}),
        "training": {"preset": "small-from-scratch"} | changes.get("training", {}),
    }
    settings = validate(values, environment="dev", source="test")
    pictures = class_of("fine", counts[0]) + class_of("burnt", counts[1])
    source = staging.source_of(staging.with_pictures(settings, "unread"))
    prepared = Prepared(source, ("burnt", "fine"), settings.picture_side, pictures, {})
    warnings = staging.warnings(settings, select(prepared))
    assert len(warnings) == len(says)
    for warning, expected in zip(warnings, says, strict=True):
        assert re.search(expected, warning)


def test_classes_that_differ_in_capitals_only_are_said() -> None:
    values = {"dataset": {"source": "folder", "side": 256}, "drift": {"enabled": False}}
    settings = validate(values, environment="dev", source="test")
    names = ("Burnt", "burnt", "fine")
    source = staging.source_of(staging.with_pictures(settings, "unread"))
    pictures = [each for name in names for each in class_of(name, 20)]
    selected = select(Prepared(source, names, settings.picture_side, pictures, {}))
    warnings = " ".join(staging.warnings(settings, selected))
    assert "differ in capital letters only: 'Burnt', 'burnt'; if they are one" in warnings
