import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.dataset import Dataset, Picture, build, write
from training.errors import StagingError
from training.pictures import Split
from training.source import from_archive

Content = dict[str, dict[bytes, Any]]
Build = Callable[..., Dataset]
CLASSES = ("bicycle", "motorcycle")
SIDES: dict[Split, str] = {"train": "train", "validation": "test"}
"""Where a side is in the archive."""


@pytest.fixture
def build_from(archive: Callable[[Content], Path]) -> Build:
    """Return a function that builds the dataset of an archive with some content."""

    def build_content(content: Content, classes: tuple[str, ...] = CLASSES) -> Dataset:
        return build(from_archive(archive(content)), classes, max_refused_percent=100)

    return build_content


def content_of(picture: Picture) -> bytes:
    assert isinstance(picture.content, bytes)
    return picture.content


def _pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def _rgb(row: NDArray[np.uint8]) -> NDArray[np.uint8]:
    red, green, blue = row.reshape(3, 32, 32)
    return np.dstack([red, green, blue])


def _refusals(dataset: Dataset) -> list[tuple[str, str]]:
    return [(refused.path, refused.reason) for refused in dataset.refused]


def test_labels_follow_the_settings_and_not_the_archive(
    build_from: Build, content: Content
) -> None:
    dataset = build_from(content)
    labels = {p.file_name: p.label for p in dataset.splits["train"]}
    assert labels == {
        "seen_000000.png": 0,
        "seen_000002.png": 1,
        "seen_000003.png": 1,
        "seen_000004.png": 0,
    }
    assert dataset.counts == {
        "train": {"bicycle": 2, "motorcycle": 2},
        "validation": {"bicycle": 1, "motorcycle": 1},
    }
    assert dataset.refused == ()


def test_each_split_has_the_pixels_of_its_own_array(build_from: Build, content: Content) -> None:
    # Row numbers of test also exist in train: reading the wrong array would give other pixels.
    dataset = build_from(content)
    for split, part in SIDES.items():
        names, data = content[part][b"filenames"], content[part][b"data"]
        assert dataset.splits[split]
        for picture in dataset.splits[split]:
            row = names.index(picture.file_name.encode())
            np.testing.assert_array_equal(_pixels(content_of(picture)), _rgb(data[row]))
            image = Image.open(io.BytesIO(content_of(picture)))
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (32, 32))
            assert image.info == {}


def test_lists_have_index_label_and_path_below_the_split(
    build_from: Build, content: Content
) -> None:
    files = {file.path: file.content for file in build_from(content).data_files()}
    assert files["train.lst"] == (
        b"0\t0\tseen_000000.png\n1\t1\tseen_000002.png\n2\t1\tseen_000003.png\n3\t0\tseen_000004.png\n"
    )
    assert files["validation.lst"] == b"0\t1\tunseen_000000.png\n1\t0\tunseen_000002.png\n"


def test_unknown_class_is_named_with_similar_ones(build_from: Build, content: Content) -> None:
    with pytest.raises(StagingError, match="'motorcicle' is not among the 3 .*'motorcycle'"):
        build_from(content, ("bicycle", "motorcicle"))


UNSAFE = (b"../a.png", b"a/b.png", b"a\\b.png", b".png", b".a.png", b"a\tb.png", b"", b"a.jpg")


@pytest.mark.parametrize(
    ("key", "row", "value", "reason"),
    [
        (b"fine_labels", 3, 3, "label is not in meta"),
        (b"fine_labels", 3, -1, "label is not in meta"),
        *((b"filenames", 0, name, "file name is not safe") for name in (*UNSAFE, b"\xff.png")),
        (b"filenames", 4, b"seen_000000.png", "duplicate file name"),
        (b"data", 4, None, "duplicate picture"),
    ],
)
def test_a_faulty_row_is_refused(
    build_from: Build, content: Content, key: bytes, row: int, value: object, reason: str
) -> None:
    train = content["train"]
    train[key][row] = train[key][0] if value is None else value
    name = train[b"filenames"][row].decode(errors="backslashreplace")
    assert _refusals(build_from(content)) == [(f"train row {row}: {name}", reason)]


def test_picture_of_both_splits_stays_in_train(build_from: Build, content: Content) -> None:
    content["test"][b"fine_labels"].append(2)
    content["test"][b"filenames"].append(b"leak.png")
    leak = content["train"][b"data"][0]
    content["test"][b"data"] = np.vstack([content["test"][b"data"], leak])
    dataset = build_from(content)
    assert _refusals(dataset) == [("validation row 3: leak.png", "picture is also in train")]
    assert dataset.counts["train"]["bicycle"] == 2
    assert dataset.counts["validation"]["bicycle"] == 1


def test_rows_of_other_classes_may_repeat(build_from: Build, content: Content) -> None:
    content["train"][b"filenames"][1] = content["train"][b"filenames"][5]
    content["train"][b"data"][1] = content["train"][b"data"][5]
    assert build_from(content).refused == ()


def test_class_without_a_picture_left_is_an_error(build_from: Build, content: Content) -> None:
    content["test"][b"data"][2] = content["train"][b"data"][0]
    with pytest.raises(StagingError, match="too few .*'bicycle': 2 and 0"):
        build_from(content)


def test_digest_is_the_same_on_every_machine_and_of_the_staged_pictures_only(
    build_from: Build, content: Content
) -> None:
    assert build_from(content).digest == "d18af069ce0e8100d61b"
    content["train"][b"data"][1] = 0  # an apple
    assert build_from(content).digest == "d18af069ce0e8100d61b"


def test_digest_follows_classes_pixels_names_and_source(
    build_from: Build, content: Content
) -> None:
    original = build_from(content)
    digests = {original.digest, build_from(content, ("motorcycle", "bicycle")).digest}
    digests.add(replace(original, source="drawn").digest)
    content["test"][b"data"][0, 0] ^= 1
    digests.add(build_from(content).digest)
    content["test"][b"filenames"][0] = b"other.png"
    digests.add(build_from(content).digest)
    assert len(digests) == 5


def test_folder_holds_every_file_and_the_manifest(
    build_from: Build, content: Content, tmp_path: Path
) -> None:
    content["train"][b"filenames"][0] = b"not safe"
    dataset = build_from(content)
    root = write(dataset, tmp_path / "out")
    assert root == tmp_path / "out" / dataset.digest
    written = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert written == {
        *(f"train/seen_00000{row}.png" for row in (2, 3, 4)),
        *(f"validation/unseen_00000{row}.png" for row in (0, 2)),
        "train.lst",
        "validation.lst",
        "pictures.csv",
        "manifest.json",
    }
    assert json.loads((root / "manifest.json").read_bytes()) == {
        "format": 1,
        "source": "cifar-100",
        "digest": dataset.digest,
        "classes": ["bicycle", "motorcycle"],
        "counts": {
            "train": {"bicycle": 1, "motorcycle": 2},
            "validation": {"bicycle": 1, "motorcycle": 1},
        },
        "side": 32,
        "bytes": sum(path.stat().st_size for path in root.rglob("*.png")),
        "archive_sha256": dataset.archive_sha256,
        "archive_published": False,
        "refused": [{"path": "train row 0: not safe", "reason": "file name is not safe"}],
        "pictures_sha256": hashlib.sha256((root / "pictures.csv").read_bytes()).hexdigest(),
        "parent": None,
        "added": [],
    }


@pytest.mark.parametrize("link", ["", "train", "manifest.json"])
def test_nothing_is_written_through_a_link(
    build_from: Build, content: Content, tmp_path: Path, link: str
) -> None:
    dataset = build_from(content)
    path = tmp_path / "out" / dataset.digest / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError, match="is a link, which may lead out of"):
        write(dataset, tmp_path / "out")
    assert not (tmp_path / "elsewhere").exists()


def test_real_vehicles_are_all_kept_with_their_pixels(real_archive: Path) -> None:
    dataset = build(from_archive(real_archive), CLASSES)
    assert dataset.digest == "db8442eb73a57505ad05"
    assert dataset.counts == {
        "train": {"bicycle": 500, "motorcycle": 500},
        "validation": {"bicycle": 100, "motorcycle": 100},
    }
    assert dataset.refused == ()
    for split, part in SIDES.items():
        rows = _read_without_our_code(real_archive, part)
        for picture in dataset.splits[split]:
            row, class_in_archive = rows[picture.file_name]
            assert class_in_archive == {0: 8, 1: 48}[picture.label]
            np.testing.assert_array_equal(_pixels(content_of(picture)), _rgb(row))


def _read_without_our_code(path: Path, part: str) -> dict[str, tuple[NDArray[np.uint8], int]]:
    with tarfile.open(path) as archive:
        member = archive.extractfile(f"cifar-100-python/{part}")
        assert member
        values = pickle.load(member, encoding="bytes")
    names = (name.decode() for name in values[b"filenames"])
    rows = zip(values[b"data"], values[b"fine_labels"], strict=True)
    return dict(zip(names, rows, strict=True))
