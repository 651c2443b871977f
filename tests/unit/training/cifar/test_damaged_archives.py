"""Any archive is staged or refused by name, in bounded time and memory."""

import gzip
import io
import pickle
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mutations import bounded, mutated
from training.dataset import build
from training.errors import StagingError
from training.source import from_archive

CLASSES = ("bicycle", "motorcycle")
MEMBERS = ("meta", "train", "test")
PIXELS = b"<pixels>"
"""Stands in for the pixels, or nearly all mutations would be of them."""

_TYPES = [b"0", b"\0", b"1", b"2", b"3", b"5", b"7", b"L", b"K", b"x", b"g", b"S", b"V"]


def _array(split: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(split).integers(0, 256, (2, 3072), np.uint8)


def _pickles(protocol: int, order: str) -> Iterator[bytes]:
    """Yield the three members, with `PIXELS` instead of the pixels."""
    yield pickle.dumps({b"fine_label_names": [b"bicycle", b"motorcycle", b"apple"]}, protocol)
    for split in (1, 2):
        array = np.asarray(_array(split), order="F" if order == "F" else "C")
        values = {
            b"filenames": [b"%d%d.png" % (split, row) for row in range(2)],
            b"fine_labels": [0, 1],
            b"data": array,
        }
        pickled = pickle.dumps(values, protocol)
        yield pickled.replace(_stored(split, protocol, order), PIXELS)


def _stored(split: int, protocol: int, order: str) -> bytes:
    raw = _array(split).tobytes("F" if order == "F" else "C")
    # Python 3 writes bytes as text in protocol 2.
    return raw.decode("latin1").encode() if protocol == 2 else raw


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-100-python/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _with_checksum(header: bytes) -> bytes:
    blank = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Draw a .tar.gz whose pickles, headers or compressed bytes are damaged."""
    protocol, order = draw(st.sampled_from([(2, "C"), (4, "C"), (5, "C"), (4, "F"), (2, "F")]))
    damage = draw(st.sampled_from(["pickle", "pickle", "tar", "gzip"]))
    skeletons = dict(zip(MEMBERS, _pickles(protocol, order), strict=True))
    if damage == "pickle":
        damaged = draw(st.sampled_from(MEMBERS))
        skeletons[damaged] = draw(mutated(st.just(skeletons[damaged])))
    contents = {
        name: skeleton.replace(PIXELS, _stored(split, protocol, order), 2)
        for split, (name, skeleton) in enumerate(skeletons.items())
    }
    tar = _tar(contents)
    if damage == "tar":
        start = draw(st.sampled_from(_header_starts(tar)))
        header = draw(mutated(st.just(tar[start : start + 512])))[:512].ljust(512, b"\0")
        if draw(st.booleans()):
            header = header[:156] + draw(st.sampled_from(_TYPES)) + header[157:]
        tar = tar[:start] + _with_checksum(header) + tar[start + 512 :]
    packed = gzip.compress(tar, 1, mtime=0)
    return draw(mutated(st.just(packed))) if damage == "gzip" else packed


def _header_starts(tar: bytes) -> list[int]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return [member.offset for member in archive]


@settings(max_examples=5 * settings().max_examples)
@given(archives())
def test_a_damaged_archive_is_staged_or_refused(packed: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
        file.write(packed)
        file.flush()
        with bounded(megabytes=100, seconds=20), suppress(StagingError):
            dataset = build(from_archive(Path(file.name), classes=CLASSES), CLASSES)
            for picture in dataset.splits["train"]:
                assert isinstance(picture.content, bytes) and len(picture.content) > 3072


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_archives_that_are_damaged_are_whole_before(
    tmp_path: Path, protocol: int, order: str
) -> None:
    contents = {
        name: skeleton.replace(PIXELS, _stored(split, protocol, order))
        for split, (name, skeleton) in enumerate(
            zip(MEMBERS, _pickles(protocol, order), strict=True)
        )
    }
    (tmp_path / "whole.tar.gz").write_bytes(gzip.compress(_tar(contents)))
    dataset = build(from_archive(tmp_path / "whole.tar.gz", classes=CLASSES), CLASSES)
    assert dataset.counts["train"] == {"bicycle": 1, "motorcycle": 1}
    assert dataset.refused == ()


@pytest.mark.parametrize(
    "pickled",
    [
        b"(" + b"]\x94" * 299_000 + b"t.",
        b"(" + b"}\x94" * 299_000 + b"t.",
        b"N" + b"\x85" * 599_000 + b".",
        b"(" + (b"\x8c\xff" + b"a" * 255) * 32_000 + b"t.",
    ],
    ids=["lists", "dictionaries", "tuples", "texts"],
)
def test_memory_is_bounded_for_as_many_objects_as_there_may_be(
    tmp_path: Path, pickled: bytes
) -> None:
    path = tmp_path / "crafted.tar.gz"
    path.write_bytes(gzip.compress(_tar(dict.fromkeys(MEMBERS[:1], pickled)), 1))
    with bounded(megabytes=100, seconds=60), pytest.raises(StagingError, match="expected a dict"):
        from_archive(path, classes=CLASSES)
