"""Model archives hold a folder's contents, and cannot write outside of it."""

import io
import tarfile
from pathlib import Path

import pytest

from localcloud.sagemaker import artifacts
from localcloud.sagemaker.errors import Failure


def test_what_is_packed_comes_out_again(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "model-0001.params").write_bytes(b"\x00\x01")
    (model / "code" / "notes.txt").write_text("hello")
    archive = tmp_path / "model.tar.gz"

    artifacts.pack(model, archive)

    with tarfile.open(archive, "r:gz") as tar:
        assert sorted(tar.getnames()) == ["code", "code/notes.txt", "model-0001.params"]
    target = tmp_path / "target"
    artifacts.unpack(archive, target, source="s3://b/k")
    assert (target / "model-0001.params").read_bytes() == b"\x00\x01"
    assert (target / "code" / "notes.txt").read_text() == "hello"


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_a_member_that_would_leave_the_folder_is_refused_or_kept_inside(
    tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)

    if name.startswith(".."):
        with pytest.raises(Failure, match="s3://b/k"):
            artifacts.unpack(archive, folder, source="s3://b/k")
    else:  # the filter "data" strips the leading slash
        artifacts.unpack(archive, folder, source="s3://b/k")
        assert (folder / name.lstrip("/")).exists()
    assert not (tmp_path / "a" / "evil").exists()
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_refused_by_its_source(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(Failure, match="Failed to extract model data archive from URL s3://b/k"):
        artifacts.unpack(archive, tmp_path / "model", source="s3://b/k")
