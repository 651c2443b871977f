"""Nothing in an archive reaches the disk, and none takes more than the bounds allow."""

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.archive import MAX_MEMBERS, read_members
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


def test_reading_a_member_takes_little_more_than_its_size(tar: Callable[..., Path]) -> None:
    path = tar(_member("wanted", bytes(20_000_000)))
    tracemalloc.start()
    try:
        read_members(path, ["wanted"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


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


def _header(name: str = "wanted", **attributes: Any) -> bytes:
    info, _ = _member(name, b"", **attributes)
    return info.tobuf(tarfile.GNU_FORMAT)


def _pax(record: bytes) -> bytes:
    return _header("pax", type=tarfile.XHDTYPE, size=len(record)) + record.ljust(512, b"\0")


_LONG_NAME = _header("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=1) + b"a".ljust(
    512, b"\0"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_header(size=2**63), "claims 9,223,372,036,854,775,808"),
        (_header(size=2**80), "claims"),
        (_header(size=-1), "claims -1 bytes"),
        (_pax(b"28 size=9223372036854775808\n") + _header(), "claims 9,223,372,036,854,775,808"),
        (_LONG_NAME * 2000 + _header(), r"not a readable|bytes of headers"),
        (_header("long", type=tarfile.GNUTYPE_LONGNAME, size=2**63), "not a readable"),
        (_header("pax", type=tarfile.XHDTYPE, size=2**63), "not a readable"),
        (_header("pax", type=tarfile.XHDTYPE, size=10**6) + bytes(10**6), "bytes of headers"),
        (_pax(b"22 GNU.sparse.map=1,x\n") + _header(), "not a readable"),
        (
            _pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + _header() + b"9" * 512,
            "not a readable",
        ),
        (b"".join(_header(f"{n}") for n in range(MAX_MEMBERS + 1)), "more than 1,000 members"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_crafted_headers_are_refused_at_once(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(content + bytes(1024)))
    with pytest.raises(ArchiveRefusedError, match=reason) as refusal:
        read_members(path, ["other"])
    assert len(str(refusal.value)) < 1000


def test_long_names_and_pax_records_of_ordinary_length_are_read(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    name = "folder/" * 40 + "one"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w:gz", format=form) as archive:
            for info, data in (_member("big", bytes(2_000_000), mtime=1.5), _member(name, b"1")):
                archive.addfile(info, io.BytesIO(data))
        assert read_members(path, [name]) == {name: b"1"}
