import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from PIL import Image
from rich.console import Console

from operations import staging
from scones.__main__ import main
from settings import Settings
from tests.own_pictures import copy, write_pictures
from training import source
from training.cifar import drawn
from training.errors import ArchiveUnavailableError

Content = dict[str, dict[bytes, Any]]
QUIET = Console(quiet=True)
Archive = Callable[[Content], Path]


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        source,
        "fetch",
        Mock(
            side_effect=ArchiveUnavailableError("https://archive: cannot be downloaded: no network")
        ),
    )
    monkeypatch.delenv("CIFAR_ARCHIVE", raising=False)


def _pointer() -> str:
    value = boto3.client("ssm").get_parameter(Name="/scones/dev/dataset")["Parameter"]["Value"]
    assert value is not None
    return value


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a section `dataset` the settings of `dev`."""

    def write(section: str) -> None:
        folder = tmp_path / "settings"
        folder.mkdir(exist_ok=True)
        (folder / "dev.toml").write_text(f"[dataset]\n{section}\n")
        monkeypatch.setenv("SCONES_SETTINGS", str(folder))

    return write


def cells_of(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]


def test_archive_is_staged_and_pointed_at(
    bucket: str,
    archive: Archive,
    content: Content,
    capsys: pytest.CaptureFixture[str],
    dev: Callable[[str], None],
) -> None:
    dev("max_refused_percent = 20")
    content["train"][b"filenames"][0] = b"not safe"
    assert main(["stage", "--archive", str(archive(content))]) == 0
    manifest = boto3.client("s3").get_object(Bucket=bucket, Key=f"{_pointer()}/manifest.json")
    assert json.load(manifest["Body"])["counts"]["train"] == {"bicycle": 1, "motorcycle": 2}
    output = capsys.readouterr().out
    assert "not the published archive" in output
    rows = cells_of(output)
    assert ["motorcycle", "2", "1"] in rows
    assert ["refused: file name is not safe", "1", "train row 0: not safe"] in rows
    assert f"Uploaded 9 files to s3://{bucket}/{_pointer()}" in output
    assert "Warning: 2 validation pictures; a baseline takes 50 or more" in output


def test_second_run_changes_nothing_and_says_so(
    bucket: str, archive: Archive, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(archive(content))
    main(["stage", "--archive", path])
    before = boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    capsys.readouterr()
    assert main(["stage", "--archive", path]) == 0
    output = capsys.readouterr().out
    assert "Nothing to do" in output
    assert "Uploading" not in output
    assert boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"] == before


@pytest.mark.usefixtures("bucket")
def test_pointer_goes_back_to_a_dataset_that_is_there(
    archive: Archive, content: Content, settings: Settings
) -> None:
    original = source.from_archive(archive(content))
    first = staging.run(settings, original, console=QUIET)
    other = {**content, "test": {**content["test"], b"fine_labels": [2, 0, 1]}}
    second = staging.run(settings, source.from_archive(archive(other)), console=QUIET)
    assert second.prefix != first.prefix
    assert _pointer() == second.prefix
    again = staging.run(settings, original, console=QUIET)
    assert (again.uploaded, again.pointer_moved) == (0, True)
    assert _pointer() == first.prefix


def test_drawn_pictures_are_marked_as_such_whatever_the_settings_name(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    dev: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = partial(drawn.draw, train_per_class=3, validation_per_class=2)
    monkeypatch.setattr("training.source.drawn.draw", few)
    dev('source = "folder"\npictures = "absent"\nside = 64')
    assert main(["stage", "--no-upload", "--drawn", "--folder", str(tmp_path / "out")]) == 0
    (manifest,) = (tmp_path / "out").glob("*/manifest.json")
    values = json.loads(manifest.read_text())
    assert values["source"] == "drawn"
    assert values["archive_sha256"] is None
    assert values["refused"] == []
    assert values["counts"] == {
        "train": {"bicycle": 3, "motorcycle": 3},
        "validation": {"bicycle": 2, "motorcycle": 2},
    }
    assert "Source: drawn (stand-ins, not photographs)" in capsys.readouterr().out


def test_machine_without_archive_is_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage", "--no-upload"]) == 3
    error = capsys.readouterr().err
    assert "no network" in error
    assert "--archive PATH" in error
    assert "--drawn" in error


@pytest.mark.usefixtures("stacks")
def test_missing_stack_is_found_before_the_download(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage"]) == 1
    remedy = "deploy it first: cdk deploy Scones-dev-Storage -c environment=dev"
    assert remedy in capsys.readouterr().err


def test_no_upload_needs_no_aws_and_writes_the_folder(
    archive: Archive, content: Content, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    options = ["--no-upload", "--archive", str(archive(content)), "--folder", str(folder)]
    assert main(["stage", *options]) == 0
    (root,) = folder.iterdir()
    assert f"Written to {root}" in capsys.readouterr().out
    assert json.loads((root / "manifest.json").read_text())["digest"] == root.name


def test_refused_archive_is_an_error_of_its_own(
    archive: Archive, content: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    content["train"][b"data"] = print
    assert main(["stage", "--no-upload", "--archive", str(archive(content))]) == 1
    assert "asks for __builtin__.print" in capsys.readouterr().err


def test_labelled_pictures_are_added_and_dropped(
    bucket: str,
    archive: Archive,
    content: Content,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = str(archive(content))
    main(["stage", "--archive", path])
    first = _pointer()
    labels = tmp_path / "labels.csv"
    labels.write_text("file,event_id,label\na.jpg,one,bicycle\n")
    Image.effect_noise((50, 40), 90).save(tmp_path / "a.jpg")

    assert main(["stage", "--add", str(labels), "--add", str(labels), "--inspect"]) == 0
    assert "Labelled pictures: 1 new" in capsys.readouterr().out
    assert _pointer() == first
    assert main(["stage", "--add", str(labels)]) == 0
    assert _pointer() != first
    assert main(["stage", "--archive", path, "--drop-added"]) == 0
    assert _pointer() == first


@pytest.mark.parametrize("other", ["--drawn", "--drop-added"])
def test_adding_has_no_other_source(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage", "--add", "labels.csv", other]) == 2
    assert f"--add and {other} exclude each other" in capsys.readouterr().err


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy and a broken file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = write_pictures(tmp_path / "pictures", {"burnt": 6, "fine": 6, "raw": 6})
    copy(folder, "fine/0.png", "fine/copy.png")
    (folder / "fine" / "broken.jpg").write_bytes((folder / "fine" / "1.jpg").read_bytes()[:400])
    return folder


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("max_refused_percent = 4", 1),
        ("max_refused_percent = 10\n[drift]\nclass_shares = [0.3, 0.7]", 0),
    ],
)
def test_an_inspection_shows_everything_and_needs_no_aws(
    own: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    dev: Callable[[str], None],
    section: str,
    code: int,
) -> None:
    dev(section)
    options = ["--pictures", str(own), "--inspect", "--folder", str(tmp_path / "sheet")]
    assert main(["stage", *options]) == code
    said = capsys.readouterr()
    rows = cells_of(said.out)
    assert ["refused: ends too early", "1", "fine/broken.jpg"] in rows
    assert ["left out: duplicate picture", "1", "fine/copy.png"] in rows
    assert ["JPEG RGB", "9"] in rows
    assert f"Contact sheet: {tmp_path / 'sheet' / 'index.html'}" in said.out
    assert "the classes that environment dev lists: bicycle, motorcycle. For others" in said.out
    if code:
        assert "Staging would fail:\n1 of 20 pictures are refused" in said.err


def test_pictures_without_the_classes_of_the_settings_are_refused_with_the_remedy(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stage", "--pictures", str(own), "--no-upload"]) == 1
    said = capsys.readouterr().err
    assert "'bicycle' is not among the 3 classes of the source, such as 'burnt', 'fine'" in said
    assert "list those to stage, or remove the key to stage all" in said


def test_own_pictures_are_staged(
    bucket: str, own: Path, dev: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    dev(f'source = "folder"\npictures = "{own}"\nmax_refused_percent = 10')
    assert main(["stage"]) == 0
    manifest = boto3.client("s3").get_object(Bucket=bucket, Key=f"{_pointer()}/manifest.json")
    assert json.load(manifest["Body"])["classes"] == ["burnt", "fine", "raw"]
    assert f"Source: folder {own}" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--archive", "a"], ["--drawn"]])
def test_only_one_source_can_be_named(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stage", "--pictures", "folder", *options]) == 2
    assert f"--pictures and {options[0]} exclude each other" in capsys.readouterr().err


def test_a_location_that_is_empty_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage", "--pictures", "", "--inspect"]) == 2
    assert "--pictures is empty" in capsys.readouterr().err


def test_characters_for_a_terminal_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,la\x1b[2jbel\n")

    assert main(["stage", "--pictures", str(table), "--inspect"]) == 1
    assert r"columns path, la\x1b[2jbel; expected" in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stage", "--pictures", str(tmp_path / "absent"), "--inspect"]) == 1
    assert f"folder {tmp_path / 'absent'}: No such file or directory" in capsys.readouterr().err


def test_settings_without_a_folder_are_refused_with_the_remedy(
    dev: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    dev('source = "folder"')
    assert main(["stage", "--no-upload"]) == 1
    assert 'dataset.pictures is not set: dataset.source = "folder"' in capsys.readouterr().err
