"""Nothing in an archive runs, and nothing in it reaches the disk."""

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.archive import PickledArray, read_members, unpickle
from training.errors import ArchiveRefusedError

Member = tuple[tarfile.TarInfo, bytes]


def _member(name: str, data: bytes = b"content", **attributes: Any) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


@pytest.fixture
def tar(tmp_path: Path) -> Callable[..., Path]:
    """Writes an archive of the given members, and gives its path."""

    def write(*members: Member) -> Path:
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for info, data in members:
                archive.addfile(info, io.BytesIO(data))
        return path

    return write


def test_members_are_read_by_name(tar: Callable[..., Path]) -> None:
    path = tar(
        _member("folder", b"", type=tarfile.DIRTYPE),
        _member("folder/one", b"1"),
        _member("folder/backup~", b"unused"),
        _member("folder/two", b"2"),
    )
    assert read_members(path, ["folder/two", "folder/one"]) == {
        "folder/one": b"1",
        "folder/two": b"2",
    }


@pytest.mark.parametrize(
    ("unsafe", "reason"),
    [
        (_member("/etc/passwd"), "points outside"),
        (_member("folder/../../outside"), "points outside"),
        (_member("..\\outside"), "points outside"),
        (_member("C:outside"), "points outside"),
        (_member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "tar type"),
        (_member("link", b"", type=tarfile.LNKTYPE, linkname="wanted"), "tar type"),
        (_member("device", b"", type=tarfile.CHRTYPE), "tar type"),
        (_member("pipe", b"", type=tarfile.FIFOTYPE), "tar type"),
        (_member("wanted"), "duplicate member"),
        (_member("./wanted"), "duplicate member"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else "",
)
def test_unsafe_member_is_refused_also_when_not_asked_for(
    tar: Callable[..., Path], unsafe: Member, reason: str
) -> None:
    with pytest.raises(ArchiveRefusedError, match=reason):
        read_members(tar(_member("wanted"), unsafe), ["wanted"])


def test_archive_that_unpacks_to_too_much_is_refused(tar: Callable[..., Path]) -> None:
    path = tar(_member("wanted"), _member("bomb", bytes(5_000_000)))
    assert path.stat().st_size < 50_000
    with pytest.raises(ArchiveRefusedError, match="unpacks to more than 4,000,000 bytes"):
        read_members(path, ["wanted"], max_bytes=4_000_000)


def test_missing_member_is_named(tar: Callable[..., Path]) -> None:
    with pytest.raises(ArchiveRefusedError, match=r"no member folder/test"):
        read_members(tar(_member("folder/train")), ["folder/train", "folder/test"])


def test_truncated_archive_is_refused(tar: Callable[..., Path]) -> None:
    path = tar(_member("wanted", os.urandom(100_000)))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(ArchiveRefusedError, match=r"not a readable \.tar\.gz"):
        read_members(path, ["wanted"])


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html>Please log in</html>")
    with pytest.raises(ArchiveRefusedError, match=r"not a readable \.tar\.gz"):
        read_members(path, ["wanted"])


class _MakesFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_crafted_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    crafted = pickle.dumps({b"data": _MakesFolder(victim)})
    pickle.loads(crafted)
    assert victim.exists()
    victim.rmdir()
    with pytest.raises(ArchiveRefusedError, match=rf"asks for {os.mkdir.__module__}\.mkdir"):
        unpickle(crafted)
    assert not victim.exists()


@pytest.mark.parametrize(
    "name", ["builtins eval", "builtins getattr", "numpy load", "_codecs decode", "os system"]
)
def test_any_other_global_is_refused(name: str) -> None:
    module, attribute = name.split()
    with pytest.raises(ArchiveRefusedError, match=rf"{module}\.{attribute}"):
        unpickle(f"c{module}\n{attribute}\n.".encode())


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_arrive_as_they_were(protocol: int, order: Any) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3).copy(order=order)
    values = {b"data": array, b"names": [b"a", b""], b"labels": [1, 2]}
    read = unpickle(pickle.dumps(values, protocol=protocol))
    assert isinstance(read, dict)
    assert isinstance(read[b"data"], PickledArray)
    np.testing.assert_array_equal(read.pop(b"data").array(), array)
    assert read == {b"names": [b"a", b""], b"labels": [1, 2]}


def test_array_of_python_2_is_read() -> None:
    # As the published archive has it: numpy 1's module name, byte strings instead of text.
    pickled = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\x02\x03\x04\x05tb."
    )
    array = unpickle(pickled)
    assert isinstance(array, PickledArray)
    assert array.array().tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", ["int64", "float32", "object", "S3"])
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_arrays_of_anything_but_bytes_are_refused(dtype: str, protocol: int) -> None:
    with pytest.raises(ArchiveRefusedError, match="uint8"):
        unpickle(pickle.dumps(np.array([1, 2]).astype(dtype), protocol=protocol))


@pytest.mark.parametrize("damage", [b"", b"\x80\x02", b"\x80\x02}q\x00.garbage"[:4], b"\x80\xff."])
def test_damaged_pickle_is_refused(damage: bytes) -> None:
    with pytest.raises(ArchiveRefusedError, match="damaged pickle"):
        unpickle(damage)
