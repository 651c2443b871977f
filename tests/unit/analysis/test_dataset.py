"""What a report reads of a staged dataset."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.dataset import EXAMPLES, read_preview
from training.dataset import build, write
from training.source import drawing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures, as staging writes them."""
    return write(build(drawing(CLASSES), CLASSES), tmp_path_factory.mktemp("datasets"))


def test_counts_and_examples_of_each_class(staged: Path) -> None:
    found = read_preview(str(staged))

    assert found.manifest.classes == CLASSES
    assert found.manifest.digest == staged.name
    files = {path.read_bytes() for path in (staged / "train").iterdir()}
    for name in CLASSES:
        assert found.manifest.counts["train"][name] > EXAMPLES
        assert len(set(found.examples[name])) == EXAMPLES
        assert files.issuperset(found.examples[name])


def test_s3_holds_the_same_as_the_folder(staged: Path, client: "S3Client") -> None:
    local = read_preview(str(staged))
    wanted = {picture for each in local.examples.values() for picture in each}
    for path in staged.rglob("*.*"):
        content = path.read_bytes()
        if path.suffix != ".png" or content in wanted:  # not a thousand of them
            key = f"datasets/d/{path.relative_to(staged).as_posix()}"
            client.put_object(Bucket="bucket", Key=key, Body=content)
    found = read_preview("s3://bucket/datasets/d/")

    assert (found.manifest, found.examples) == (local.manifest, local.examples)
    with pytest.raises(FileNotFoundError, match=r"s3://bucket/e/manifest.json does not exist"):
        read_preview("s3://bucket/e")


def test_a_folder_without_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"manifest.json cannot be read: .*name the folder"):
        read_preview(str(tmp_path))


def test_a_foreign_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 3}')

    with pytest.raises(ValueError, match="is not a staging manifest"):
        read_preview(str(tmp_path))


@pytest.mark.parametrize("row", ["0\t0\t../../outside.png", "0\t0\t/outside.png", "0\t0"])
def test_a_list_that_leaves_the_dataset_is_refused(staged: Path, tmp_path: Path, row: str) -> None:
    (tmp_path / "manifest.json").write_bytes((staged / "manifest.json").read_bytes())
    (tmp_path / "train.lst").write_text(f"{row}\n")

    with pytest.raises(ValueError, match=r"train.lst: .* is not index, label and path"):
        read_preview(str(tmp_path))
