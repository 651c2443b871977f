import gzip
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutations import python_memory_below
from training.cifar.archive import MAX_MEMBERS, read_members
from training.errors import ArchiveRefusedError

Member = tuple[tarfile.TarInfo, bytes]
Tar = Callable[..., Path]


def _contents(path: Path, names: Sequence[str], **options: int) -> dict[str, bytes]:
    return read_members(path, {name: lambda source: source.read() for name in names}, **options)


def _member(name: str, data: bytes = b"content", **attributes: Any) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


@pytest.fixture
def tar(tmp_path: Path) -> Tar:
    """Return a function that writes an archive of members, and returns its path."""

    def write(*members: Member) -> Path:
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for info, data in members:
                archive.addfile(info, io.BytesIO(data))
        return path

    return write


def test_members_are_read_by_name(tar: Tar) -> None:
    path = tar(
        _member("folder", b"", type=tarfile.DIRTYPE),
        _member("folder/one", b"1"),
        _member("folder/backup~", b"unused"),
        _member("folder/two", b"2"),
    )
    assert _contents(path, ["folder/two", "folder/one"]) == {"folder/one": b"1", "folder/two": b"2"}


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
    tar: Tar, unsafe: Member, reason: str
) -> None:
    with pytest.raises(ArchiveRefusedError, match=reason):
        _contents(tar(_member("wanted"), unsafe), ["wanted"])


def test_archive_that_unpacks_to_too_much_is_refused(tar: Tar) -> None:
    path = tar(_member("wanted"), _member("bomb", bytes(5_000_000)))
    assert path.stat().st_size < 50_000
    with pytest.raises(ArchiveRefusedError, match="unpacks to more than 4,000,000 bytes"):
        _contents(path, ["wanted"], max_bytes=4_000_000)


def test_memory_is_that_of_what_the_readers_keep(tar: Tar) -> None:
    path = tar(_member("wanted", bytes(20_000_000)), _member("unwanted", bytes(20_000_000)))
    with python_memory_below(2_000_000):
        read = read_members(path, {"wanted": lambda source: source.read(3)})
    assert read == {"wanted": b"\0\0\0"}


def test_pax_records_of_the_whole_archive_are_not_kept_with_each_member(tmp_path: Path) -> None:
    records = "".join(f"{number:04x}=v\n" for number in range(12_000))
    content = "".join(f"{len(line) + 3} {line}\n" for line in records.split()).encode()
    header = _header("pax", type=tarfile.XGLTYPE, size=len(content))
    members = b"".join(_header(f"{number}") for number in range(200))
    path = tmp_path / "archive.tar.gz"
    padded = content + bytes(-len(content) % 512)
    path.write_bytes(gzip.compress(header + padded + members + bytes(1024)))
    with python_memory_below(10_000_000):
        assert _contents(path, ["7"]) == {"7": b""}


def test_what_is_no_file_or_too_large_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArchiveRefusedError, match="is not a file"):
        _contents(tmp_path / "pipe", ["wanted"])
    (tmp_path / "large").write_bytes(bytes(1001))
    with pytest.raises(ArchiveRefusedError, match="has 1,001 bytes, more than 1,000"):
        _contents(tmp_path / "large", ["wanted"], max_bytes=1000)


def test_missing_member_is_named(tar: Tar) -> None:
    with pytest.raises(ArchiveRefusedError, match=r"no member folder/test"):
        _contents(tar(_member("folder/train")), ["folder/train", "folder/test"])


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", None], ids=["page", "half"])
def test_damaged_archive_is_refused(tar: Tar, content: bytes | None) -> None:
    path = tar(_member("wanted", os.urandom(100_000)))
    path.write_bytes(content or path.read_bytes()[:50_000])
    with pytest.raises(ArchiveRefusedError, match=r"not a readable \.tar\.gz"):
        _contents(path, ["wanted"])


def _header(name: str = "wanted", **attributes: Any) -> bytes:
    info, _ = _member(name, b"", **attributes)
    return info.tobuf(tarfile.GNU_FORMAT)


def _pax(record: bytes) -> bytes:
    return _header("pax", type=tarfile.XHDTYPE, size=len(record)) + record.ljust(512, b"\0")


_LONG_NAME = _header("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=1) + b"a".ljust(
    512, b"\0"
)


@pytest.mark.parametrize("content", [b"", b"a" * 999, b"a" * 1000])
def test_tar_that_ends_too_early_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(_header(size=1000) + content))
    with pytest.raises(ArchiveRefusedError, match="ends too early"):
        _contents(path, ["wanted"])


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
        _contents(path, ["other"])
    assert len(str(refusal.value)) < 1000


def test_long_names_and_pax_records_of_ordinary_length_are_read(tmp_path: Path) -> None:
    path = tmp_path / "archive.tar.gz"
    name = "folder/" * 40 + "one"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w:gz", format=form) as archive:
            for info, data in (_member("big", bytes(2_000_000), mtime=1.5), _member(name, b"1")):
                archive.addfile(info, io.BytesIO(data))
        assert _contents(path, [name]) == {name: b"1"}
