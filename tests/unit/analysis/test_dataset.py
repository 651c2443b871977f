import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.dataset import EXAMPLES, MOST_EXAMPLES, read_preview
from training.cifar.drawn import draw
from training.dataset import build, write
from training.source import CifarSource

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLASSES = ("bicycle", "motorcycle")


def test_counts_and_examples_of_what_staging_writes(tmp_path: Path) -> None:
    pictures = draw(CLASSES, train_per_class=EXAMPLES + 1, validation_per_class=1)
    staged = write(build(CifarSource("drawn", pictures), CLASSES), tmp_path)
    found = read_preview(str(staged))

    assert found.manifest.classes == CLASSES
    assert found.manifest.digest == staged.name
    files = {path.read_bytes() for path in (staged / "train").iterdir()}
    for name in CLASSES:
        assert found.manifest.counts["train"][name] > EXAMPLES
        assert len(set(found.examples[name])) == EXAMPLES
        assert files.issuperset(found.examples[name])


def test_of_many_classes_fewer_examples_are_read(dataset: Path) -> None:
    classes = [f"class {number}" for number in range(MOST_EXAMPLES)]
    manifest = json.loads((dataset / "manifest.json").read_text())
    counts = dict.fromkeys(("train", "validation"), dict.fromkeys(classes, 2))
    (dataset / "manifest.json").write_text(
        json.dumps({**manifest, "classes": classes, "counts": counts})
    )
    listed = "".join(f"0\t{number}\ta.png\n" * 2 for number in range(MOST_EXAMPLES))
    (dataset / "train.lst").write_text(listed)

    found = read_preview(str(dataset))

    assert [len(each) for each in found.examples.values()] == [1] * MOST_EXAMPLES


def test_s3_holds_the_same_as_the_folder(dataset: Path, client: "S3Client") -> None:
    for file in dataset.rglob("*.*"):
        client.upload_file(str(file), "bucket", f"datasets/d/{file.relative_to(dataset)}")
    found, local = read_preview("s3://bucket/datasets/d/"), read_preview(str(dataset))

    assert (found.manifest, found.examples) == (local.manifest, local.examples)
    with pytest.raises(FileNotFoundError, match=r"s3://bucket/e/manifest.json does not exist"):
        read_preview("s3://bucket/e")


def test_a_folder_without_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"manifest.json cannot be read: .*name the folder"):
        read_preview(str(tmp_path))
