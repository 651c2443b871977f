from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.cifar import cifar100
from training.cifar.cifar100 import load
from training.errors import ArchiveRefusedError

Content = dict[str, dict[bytes, Any]]
Archive = Callable[[Content], Path]


def test_both_splits_are_read(archive: Archive, content: Content) -> None:
    cifar = load(archive(content))
    assert cifar.class_names == ("apple", "motorcycle", "bicycle")
    assert cifar.train.labels == (2, 0, 1, 1, 2, 0)
    assert cifar.test.file_names == ("unseen_000000.png", "unseen_000001.png", "unseen_000002.png")
    np.testing.assert_array_equal(cifar.train.rows, content["train"][b"data"])
    np.testing.assert_array_equal(cifar.test.rows, content["test"][b"data"])


def test_pictures_are_rgb_line_by_line(archive: Archive, content: Content) -> None:
    row = np.zeros(3072, dtype=np.uint8)
    row[33] = 10  # red, second line, second column
    row[1024 + 2] = 20  # green, first line, third column
    row[2048 + 31 * 32] = 30  # blue, last line, first column
    content["test"][b"data"][0] = row
    picture = load(archive(content)).test.pictures[0]
    assert picture.shape == (32, 32, 3)
    assert picture[1, 1].tolist() == [10, 0, 0]
    assert picture[0, 2].tolist() == [0, 20, 0]
    assert picture[31, 0].tolist() == [0, 0, 30]


def test_rows_of_the_classes_and_of_no_class_are_read(archive: Archive, content: Content) -> None:
    content["train"][b"fine_labels"][4] = 3
    cifar = load(archive(content), classes=["apple", "pear"])
    assert cifar.class_names == ("apple", "motorcycle", "bicycle")
    assert (cifar.train.labels, cifar.train.numbers) == ((0, 3, 0), (1, 4, 5))
    assert cifar.train.file_names == ("seen_000001.png", "seen_000004.png", "seen_000005.png")
    np.testing.assert_array_equal(cifar.train.rows, content["train"][b"data"][[1, 4, 5]])
    assert cifar.test.numbers == (1,)


@pytest.mark.parametrize(
    ("bound", "value", "reason"),
    [
        ("MAX_ROWS", 5, "train: 'filenames' has 6 names, expected 5 at most"),
        ("MAX_ROWS_OF_CLASS", 1, "train: 2 pictures of the class 'bicycle', expected 1 at most"),
    ],
)
def test_more_pictures_than_the_bounds_are_refused(
    archive: Archive,
    content: Content,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: int,
    reason: str,
) -> None:
    monkeypatch.setattr(cifar100, bound, value)
    with pytest.raises(ArchiveRefusedError, match=reason):
        load(archive(content), classes=["bicycle"])


@pytest.mark.parametrize(
    ("part", "key", "value", "reason"),
    [
        ("meta", b"fine_label_names", ["text"], "meta: 'fine_label_names' is not a list of byte"),
        ("train", b"data", [b"row"], "train: 'data' is a list, expected a numpy array"),
        ("train", b"data", np.zeros((6, 3071), np.uint8), r"has shape \(6, 3071\)"),
        ("train", b"data", np.zeros(3072, np.uint8), r"has shape \(3072,\)"),
        ("test", b"data", np.zeros((2, 3072), np.uint8), "test: 2 pictures, 3 labels and 3 file"),
        ("test", b"fine_labels", [0, 1], "test: 3 pictures, 2 labels"),
        ("test", b"fine_labels", [0, 1, True], "'fine_labels' is not a list of integers"),
        ("test", b"filenames", [b"a", b"b", 3], "'filenames' is not a list of byte strings"),
        ("test", b"filenames", [b"a" * 256] * 3, "a name of 256 bytes, expected 255 at most"),
    ],
)
def test_unexpected_values_are_named(
    archive: Archive, content: Content, part: str, key: bytes, value: Any, reason: str
) -> None:
    content[part][key] = value
    with pytest.raises(ArchiveRefusedError, match=rf"cifar\.tar\.gz: .*{reason}"):
        load(archive(content))


@pytest.mark.parametrize("key", [b"data", b"fine_labels", b"filenames"])
def test_missing_key_is_named(archive: Archive, content: Content, key: bytes) -> None:
    del content["test"][key]
    with pytest.raises(ArchiveRefusedError, match=f"test: '{key.decode()}' is missing"):
        load(archive(content))


@pytest.mark.parametrize(
    ("train", "reason"),
    [([], "holds a list, expected a dict"), ({b"data": print}, r".*__builtin__\.print")],
)
def test_a_pickle_of_anything_else_is_refused(
    archive: Archive, content: Content, train: Any, reason: str
) -> None:
    with pytest.raises(ArchiveRefusedError, match=f"cifar-100-python/train: {reason}"):
        load(archive({**content, "train": train}))
