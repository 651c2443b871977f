import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from tests.preparation import prepare
from training.additions import Additions, Parent, compare
from training.lists.picture_list import PictureList
from training.manifest import AddedPicture, Manifest
from training.pictures import SPLITS, Refusal, Split
from training.pictures_csv import StagedPicture
from training.preparation.uniform import make_uniform
from training.production_labels import LabelledPictures, Labels, read_labels

CLASSES = ("burnt", "Pick-up", "scone, plain")
SIDE = 32

Row = tuple[str, str, str]


def no_s3() -> NoReturn:
    raise AssertionError("local lists of local pictures need no S3")


def picture(seed: int, *, brighter: int = 0) -> Image.Image:
    """Return a picture that looks unlike those of other seeds."""
    pixels = np.random.default_rng(seed).integers(20, 200, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels + np.uint8(brighter)).resize((48, 40))


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def staged(split: Split, seed: int, label: str = "burnt") -> StagedPicture:
    """Return the picture of a seed as a dataset has it."""
    uniform = make_uniform(jpeg(picture(seed)), SIDE)
    sha256 = hashlib.sha256(uniform.png).hexdigest()
    return StagedPicture(
        split, f"{sha256[:24]}.png", label, sha256, uniform.fingerprint.hex(), f"{seed}.jpg"
    )


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., PictureList]:
    """Return a function that writes a labels.csv as `scones sample` does, filled in."""

    def write(*rows: Row, folder: str = "sample") -> PictureList:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        with (root / "labels.csv").open("w", newline="") as file:
            columns = ("file", "event_id", "inference_id", "label", "weight")
            csv.writer(file).writerows(
                [columns, *((name, event, "", label, "1") for name, event, label in rows)]
            )
        return PictureList(f"{root}/labels.csv", s3=no_s3)

    return write


@pytest.fixture
def pictures(tmp_path: Path) -> None:
    """Captured pictures 0.jpg to 9.jpg beside each labels.csv."""
    for folder in ("sample", "other"):
        (tmp_path / folder).mkdir()
        for seed in range(10):
            (tmp_path / folder / f"{seed}.jpg").write_bytes(jpeg(picture(seed)))


def compared(
    dataset: Sequence[StagedPicture], *lists: PictureList, added: Sequence[str] = ()
) -> tuple[Additions, Labels]:
    labels = read_labels(lists, CLASSES)
    prepared = prepare(LabelledPictures(labels, s3=no_s3), side=SIDE)
    manifest = Manifest(
        source="folder",
        digest="0",
        classes=CLASSES,
        counts={split: dict.fromkeys(CLASSES, 0) for split in SPLITS},
        added=tuple(
            AddedPicture(file=file, label="", event_id="", labels="", labels_sha256="")
            for file in added
        ),
    )
    return compare(Parent("datasets/0", manifest, dataset, {}), labels, prepared), labels


def reasons(refusals: Sequence[Refusal], folder: Path) -> list[tuple[str, str]]:
    return [
        (each.path.replace(f"{folder}/", ""), each.reason.replace(f"{folder}/", ""))
        for each in refusals
    ]


@pytest.mark.usefixtures("pictures")
def test_labelled_pictures_are_added_and_others_are_not(
    sample: Callable[..., PictureList], tmp_path: Path
) -> None:
    rows = [
        ("0.jpg", "e0", "burnt"),
        ("1.jpg", "e1", "PICK-UP"),
        ("2.jpg", "e2", "scone, plain"),
        ("3.jpg", "e3", ""),
        ("4.jpg", "e4", "None"),
        ("5.jpg", "e5", "lorry"),
        ("gone.jpg", "e6", "burnt"),
        ("0.jpg", "e0", "Burnt"),
    ]
    additions, labels = compared([], sample(*rows))

    new = {label.event_id: label.name for _, label in additions.new}
    assert new == {"e0": "burnt", "e1": "Pick-up", "e2": "scone, plain"}
    assert [picture.sha256 for picture, _ in additions.new] == sorted(
        picture.sha256 for picture, _ in additions.new
    )
    assert labels.without_class == 2
    assert reasons(additions.refused, tmp_path) == [
        (
            "sample/labels.csv, line 7",
            "no class of the dataset: 'lorry'; its classes are burnt, Pick-up, scone, plain",
        ),
        ("sample/labels.csv, line 8", "No such file or directory: sample/gone.jpg"),
    ]


def test_what_a_list_keeps_from_training_is_not_added(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    rows = ["0.jpg,burnt,Test", "1.jpg,burnt,validation", "2.jpg,burnt,TRAIN", "3.jpg,burnt,"]
    file.write_text("\n".join(["path,label,split", *rows]))
    labels = read_labels([PictureList(str(file), s3=no_s3)], ("burnt", "fine"))

    assert [label.picture for label in labels.by_place.values()] == ["2.jpg", "3.jpg"]
    says = "what labels add only trains; leave it empty, or put the picture into the dataset's"
    assert reasons(labels.refused, tmp_path) == [
        ("labels.csv, line 2", f"split 'Test': {says} source"),
        ("labels.csv, line 3", f"split 'validation': {says} source"),
    ]


def test_a_class_may_be_named_none(sample: Callable[..., PictureList]) -> None:
    labels = read_labels([sample(("0.jpg", "e0", "none"))], ("burnt", "None"))

    assert [label.name for label in labels.by_place.values()] == ["None"]


@pytest.mark.usefixtures("pictures")
def test_two_labels_of_an_event_a_file_or_a_picture_are_reported_and_left_out(
    sample: Callable[..., PictureList], tmp_path: Path
) -> None:
    one = sample(
        ("0.jpg", "event", "burnt"),
        ("1.jpg", "e1", "burnt"),
        ("1.jpg", "e1", "Pick-up"),
        ("2.jpg", "e2", "burnt"),
        ("3.jpg", "e3", "burnt"),
        ("4.jpg", "e4", "none"),
    )
    two = sample(
        ("0.jpg", "event", "burnt"),
        ("9.jpg", "event", "Pick-up"),
        ("2.jpg", "", "Pick-up"),
        ("3.jpg", "", "burnt"),
        ("5.jpg", "e4", "burnt"),
        ("3.jpg", "", ""),
        folder="other",
    )
    additions, _ = compared([], one, two)

    assert [label.event_id for _, label in additions.new] == ["e3"]
    assert reasons(additions.refused, tmp_path) == [
        (
            "sample/1.jpg",
            "contradictory labels: 'Pick-up' in sample/labels.csv, line 4, 'burnt' in "
            "sample/labels.csv, line 3",
        ),
        (
            "event",
            "contradictory labels: 'Pick-up' in other/labels.csv, line 3, 'burnt' in "
            "sample/labels.csv, line 2",
        ),
        (
            "e4",
            "contradictory labels: 'none' in sample/labels.csv, line 7, 'burnt' in "
            "other/labels.csv, line 6",
        ),
        (
            "2.jpg",
            "contradictory labels: 'Pick-up' in other/labels.csv, line 4, 'burnt' in "
            "sample/labels.csv, line 5",
        ),
    ]


@pytest.mark.usefixtures("pictures")
def test_validation_pictures_and_what_looks_like_them_never_train(
    sample: Callable[..., PictureList], tmp_path: Path
) -> None:
    (tmp_path / "sample" / "1.jpg").write_bytes(jpeg(picture(1, brighter=4)))
    dataset = [staged("validation", 0, "Pick-up"), staged("validation", 1), staged("train", 2)]
    rows = [(f"{seed}.jpg", f"e{seed}", "burnt") for seed in range(4)]
    additions, _ = compared(dataset, sample(*rows))

    assert [label.event_id for _, label in additions.new] == ["e3"]
    assert reasons(additions.left_out, tmp_path) == [
        (
            "sample/labels.csv, line 2",
            "validates the model: 0.jpg, which is 'Pick-up'",
        ),
        (
            "sample/labels.csv, line 3",
            "near duplicate of a picture that validates: 1.jpg",
        ),
    ]
    assert additions.known == 1


@pytest.mark.usefixtures("pictures")
def test_a_label_replaces_the_one_that_was_added_before(
    sample: Callable[..., PictureList], tmp_path: Path
) -> None:
    dataset = [staged("train", seed) for seed in range(3)]
    rows = [("0.jpg", "e0", "Pick-up"), ("1.jpg", "e1", "burnt"), ("2.jpg", "e2", "Pick-up")]
    added = [dataset[0].file, dataset[1].file]
    additions, _ = compared(dataset, sample(*rows), added=added)

    assert additions.new == []
    assert {file: label.name for file, label in additions.relabelled.items()} == {
        dataset[0].file: "Pick-up"
    }
    assert additions.known == 1
    assert reasons(additions.refused, tmp_path) == [
        (
            "sample/labels.csv, line 4",
            "the dataset has another label: 2.jpg is 'burnt', not 'Pick-up'; correct "
            "it in the dataset's source",
        )
    ]
