import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from training import source
from training.errors import ArchiveRefusedError, ArchiveUnavailableError, StagingError
from training.source import from_archive, real

Content = dict[str, dict[bytes, Any]]
Archive = Callable[[Content], Path]


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        source, "fetch", Mock(side_effect=ArchiveUnavailableError("no network in tests"))
    )
    monkeypatch.delenv("CIFAR_ARCHIVE", raising=False)


@pytest.mark.parametrize("published", [False, True])
def test_origin_of_an_archive_is_recorded(
    archive: Archive, content: Content, monkeypatch: pytest.MonkeyPatch, published: bool
) -> None:
    path = archive(content)
    if published:
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setattr(source, "ARCHIVE_MD5", md5)
    taken = from_archive(path)
    assert taken.name == "cifar-100"
    assert taken.archive_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert taken.archive_published is published


def test_a_named_archive_goes_before_the_variable_and_that_before_the_download(
    archive: Archive, content: Content, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveUnavailableError):
        real()
    path = archive(content)
    monkeypatch.setenv("CIFAR_ARCHIVE", str(path))
    assert real().pictures.class_names == ("apple", "motorcycle", "bicycle")
    monkeypatch.setenv("CIFAR_ARCHIVE", str(tmp_path / "absent"))
    assert real(path).pictures.class_names == ("apple", "motorcycle", "bicycle")


def test_absent_file_is_an_error_and_not_a_download(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match=r"absent: No such file .* \$CIFAR_ARCHIVE"):
        real(tmp_path / "absent")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefusedError, match=f"^{tmp_path}: is not a file; name a .tar.gz$"):
        from_archive(tmp_path)
