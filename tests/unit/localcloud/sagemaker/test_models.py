import io
import tarfile
from pathlib import Path

import pytest

from localcloud.sagemaker import models
from localcloud.sagemaker.contract import ApiError, Failure


def test_a_packed_model_unpacks_to_the_same_files(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "model-0001.params").write_bytes(b"\x00\x01")
    (model / "code" / "notes.txt").write_text("hello")
    archive = tmp_path / "model.tar.gz"

    models.pack(model, archive)

    with tarfile.open(archive, "r:gz") as tar:
        assert sorted(tar.getnames()) == ["code", "code/notes.txt", "model-0001.params"]
    target = tmp_path / "target"
    models.unpack(archive, target, source="s3://b/k")
    assert (target / "model-0001.params").read_bytes() == b"\x00\x01"
    assert (target / "code" / "notes.txt").read_text() == "hello"


def test_a_folder_packed_as_dot_comes_out_as_its_contents(tmp_path: Path) -> None:
    archive = _archive(tmp_path, ("./", tarfile.DIRTYPE, b""), ("./code/a", tarfile.REGTYPE, b"x"))
    models.unpack(archive, tmp_path / "model", source="s3://b/k")
    assert (tmp_path / "model" / "code" / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("/tmp/evil", tarfile.REGTYPE),
        ("a/../../evil", tarfile.REGTYPE),
        ("..", tarfile.DIRTYPE),
        (".", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("device", tarfile.CHRTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("wanted", tarfile.REGTYPE),
        ("wanted/below", tarfile.REGTYPE),
    ],
)
def test_all_but_plain_files_below_the_folder_is_refused(
    tmp_path: Path, name: str, kind: bytes
) -> None:
    archive = _archive(tmp_path, ("wanted", tarfile.REGTYPE, b"1"), (name, kind, b""))
    folder = tmp_path / "a" / "b"

    with pytest.raises(Failure, match="Failed to extract model data archive from URL s3://b/k"):
        models.unpack(archive, folder, source="s3://b/k")
    written = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert sorted(written) == [folder / "wanted", archive]


def test_a_model_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MAX_MODEL_BYTES", 100_000)
    archive = _archive(tmp_path, ("bomb", tarfile.REGTYPE, bytes(200_000)))
    with pytest.raises(Failure, match=r"unpacks to more than 100,000 bytes.*without what serving"):
        models.unpack(archive, tmp_path / "model", source="s3://b/k")


def _archive(folder: Path, *members: tuple[str, bytes, bytes]) -> Path:
    """Write an archive of members by name, type and content; links lead to /etc/passwd."""
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_the_refusal_of_a_broken_archive_names_its_source(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(Failure, match="Failed to extract model data archive from URL s3://b/k"):
        models.unpack(archive, tmp_path / "model", source="s3://b/k")


@pytest.mark.parametrize(
    "image",
    [
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
        "685385470294.dkr.ecr.eu-west-1.amazonaws.com/image-classification:latest",
        "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/image-classification:1",
        "433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification",
        f"433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification@sha256:{'0' * 64}",
    ],
)
def test_account_region_and_tag_do_not_matter(image: str) -> None:
    models.check_image(image)


@pytest.mark.parametrize(
    "image",
    [
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/my/image-classification:1",
        "image-classification:1",
        "docker.io/library/image-classification:1",
    ],
)
def test_another_image_is_refused_by_name(image: str) -> None:
    with pytest.raises(ApiError, match=f"{image} not found.* image-classification"):
        models.check_image(image)
