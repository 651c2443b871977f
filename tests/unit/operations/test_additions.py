import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from lambda_src.shared.spreadsheets import quote_formulas
from operations import additions, staging
from settings import Settings
from tests.preparation import prepare
from training import manifest, source
from training.errors import StagingError
from training.manifest import Manifest

Content = dict[str, dict[bytes, Any]]


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.preparation.prepare", prepare)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def parent(
    settings: Settings,
    bucket: str,
    archive: Callable[[Content], Path],
    content: Content,
    console: Console,
) -> staging.Upload:
    """A staged dataset of two pictures of each class and one that validates."""
    return staging.run(settings, source.from_archive(archive(content)), console=console)


@pytest.fixture
def label(tmp_path: Path) -> Callable[..., str]:
    """Return a function that labels captured pictures, named by their seeds."""

    def write(labels: dict[int, str], name: str = "sample") -> str:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        with (folder / "labels.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("file", "event_id", "inference_id", "label", "weight"))
            for seed, text in labels.items():
                pixels = np.random.default_rng(seed).integers(0, 255, (9, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).resize((200, 150)).save(folder / f"{seed}.jpg")
                writer.writerow((f"{seed}.jpg", quote_formulas(f"-event {seed}"), "", text, "2"))
        return str(folder / "labels.csv")

    return write


def read(bucket: str, key: str) -> bytes:
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def manifest_of(upload: staging.Upload) -> Manifest:
    return manifest.parse(read(upload.bucket, f"{upload.prefix}/manifest.json"), "manifest")


def added(settings: Settings, console: Console, *lists: str) -> staging.Upload:
    upload = additions.run(settings, lists, console=console)
    assert upload
    return upload


def validation(upload: staging.Upload) -> dict[str, bytes]:
    """Return the files that validate a dataset, by path."""
    listed = read(upload.bucket, f"{upload.prefix}/validation.lst")
    paths = [f"validation/{row.split(chr(9))[2]}" for row in listed.decode().splitlines()]
    files = {path: read(upload.bucket, f"{upload.prefix}/{path}") for path in paths}
    return files | {"validation.lst": listed}


def test_labels_make_a_new_dataset_for_several_generations(
    settings: Settings,
    parent: staging.Upload,
    label: Callable[..., str],
    console: Console,
    aws: boto3.Session,
) -> None:
    calls: list[tuple[str, str]] = []
    aws.events.register(
        "provide-client-params.s3",
        lambda params, model, **_: calls.append((model.name, params.get("Key", ""))),
    )
    first = added(settings, console, label({1: "bicycle", 2: "Motorcycle", 3: "", 4: "none"}))
    downloaded = [key for name, key in calls if name == "GetObject" and key.endswith(".png")]
    copied = [key for name, key in calls if name == "CopyObject"]
    second = added(settings, console, label({5: "bicycle"}, "next"))

    assert downloaded == []
    assert len(copied) == 6
    assert manifest_of(parent).counts["train"] == {"bicycle": 2, "motorcycle": 2}
    assert manifest_of(first).counts["train"] == {"bicycle": 3, "motorcycle": 3}
    assert manifest_of(second).counts["train"] == {"bicycle": 4, "motorcycle": 3}
    assert validation(parent) == validation(first) == validation(second)
    assert (manifest_of(first).parent, manifest_of(second).parent) == (parent.digest, first.digest)
    assert {each.event_id: each.label for each in manifest_of(second).added} == {
        "-event 1": "bicycle",
        "-event 2": "motorcycle",
        "-event 5": "bicycle",
    }
    pointer = boto3.client("ssm").get_parameter(Name=settings.dataset_parameter)
    assert pointer["Parameter"]["Value"] == second.prefix
    listed = read(second.bucket, f"{second.prefix}/train.lst").decode().splitlines()
    sizes = [
        len(read(second.bucket, f"{second.prefix}/train/{row.split(chr(9))[2]}")) for row in listed
    ]
    assert len(listed) == 7
    assert len(set(sizes)) == 1


def test_labels_that_add_nothing_leave_the_dataset(
    settings: Settings, parent: staging.Upload, label: Callable[..., str], console: Console
) -> None:
    first = added(settings, console, label({1: "bicycle", 2: "motorcycle"}))

    assert additions.run(settings, [label({1: "bicycle", 3: ""})], console=console) is None
    replaced = added(settings, console, label({1: "motorcycle"}))
    assert manifest_of(replaced).counts["train"] == {"bicycle": 2, "motorcycle": 4}
    assert {each.event_id: each.label for each in manifest_of(replaced).added} == {
        "-event 1": "motorcycle",
        "-event 2": "motorcycle",
    }
    assert replaced.digest != first.digest


def test_without_upload_everything_is_shown_and_nothing_changes(
    settings: Settings,
    parent: staging.Upload,
    label: Callable[..., str],
    console: Console,
    tmp_path: Path,
) -> None:
    lists = [label({1: "bicycle", 2: "lorry"}), label({1: "motorcycle", 5: "bicycle"}, "other")]
    before = boto3.client("s3").list_objects_v2(Bucket=parent.bucket)["KeyCount"]
    folder = tmp_path / "written"

    assert additions.run(settings, lists, upload=False, folder=folder, console=console) is None
    assert boto3.client("s3").list_objects_v2(Bucket=parent.bucket)["KeyCount"] == before
    assert len([*folder.glob("*/train/*.png")]) == 5
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "Labelled pictures: 1 new, 0 with another label" in shown
    assert f"Refused: {lists[0]}, line 3: no class of the dataset: 'lorry'" in shown
    assert f"contradictory labels: 'bicycle' in {lists[0]}, line 2, 'motorcycle' in" in shown


def test_a_dataset_of_an_earlier_version_is_looked_at(
    settings: Settings, parent: staging.Upload, label: Callable[..., str], console: Console
) -> None:
    labels = label({1: "bicycle"})
    expected = added(settings, console, labels)
    s3 = boto3.client("s3")
    former = json.loads(read(parent.bucket, f"{parent.prefix}/manifest.json"))
    for name in ("pictures_sha256", "side", "bytes", "parent", "added"):
        del former[name]
    s3.put_object(
        Bucket=parent.bucket, Key=f"{parent.prefix}/manifest.json", Body=json.dumps(former).encode()
    )
    s3.delete_object(Bucket=parent.bucket, Key=f"{parent.prefix}/pictures.csv")
    boto3.client("ssm").put_parameter(
        Name=settings.dataset_parameter, Value=parent.prefix, Overwrite=True
    )

    assert added(settings, console, labels) == expected.__class__(
        **{**expected.__dict__, "uploaded": 0}
    )


@pytest.mark.parametrize("missing", ["manifest.json", "pictures.csv", "train/{file}"])
def test_a_damaged_dataset_is_refused(
    settings: Settings,
    parent: staging.Upload,
    label: Callable[..., str],
    console: Console,
    missing: str,
) -> None:
    row = read(parent.bucket, f"{parent.prefix}/train.lst").decode().split()
    key = f"{parent.prefix}/{missing.format(file=row[2])}"
    boto3.client("s3").delete_object(Bucket=parent.bucket, Key=key)

    with pytest.raises(StagingError, match=f"{key} is missing; stage the dataset again"):
        additions.run(settings, [label({1: "bicycle"})], console=console)


@pytest.mark.usefixtures("bucket")
def test_pictures_are_staged_before_labels(
    settings: Settings, label: Callable[..., str], console: Console
) -> None:
    with pytest.raises(StagingError, match="names no dataset that labels .*scones stage"):
        additions.run(settings, [label({1: "bicycle"})], console=console)


def test_the_source_staged_again_leaves_what_labels_added(
    settings: Settings,
    parent: staging.Upload,
    label: Callable[..., str],
    archive: Callable[[Content], Path],
    content: Content,
    console: Console,
) -> None:
    def pointer() -> str:
        reply = boto3.client("ssm").get_parameter(Name=settings.dataset_parameter)
        return str(reply["Parameter"]["Value"])

    same = source.from_archive(archive(content))
    lists = [label({1: "bicycle"}), label({5: "bicycle"}, "next")]
    newest = [added(settings, console, each) for each in lists][-1]

    assert not staging.run(settings, same, console=console).pointer_moved
    assert pointer() == newest.prefix
    staging.run(settings, same, drop_added=True, console=console)
    assert pointer() == parent.prefix

    newest = added(settings, console, *lists)
    content["test"][b"data"][0] += 1
    changed = staging.run(settings, source.from_archive(archive(content)), console=console)
    assert pointer() == changed.prefix
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert f"2 labelled pictures of {newest.prefix} are not part of it" in text
    assert f"--add {lists[0]} --add {lists[1]}\n" in text
