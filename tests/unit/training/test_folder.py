"""Folders on disk and in S3 list the same pictures; what cannot be one is refused by name."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import boto3
import pytest

from settings.s3_uris import S3UriError
from training.errors import PictureRefusedError, StagingError
from training.folder import Folder
from training.pictures import Refusal, SourcePicture

Make = Callable[[dict[str, bytes]], Folder]


def no_s3() -> NoReturn:
    raise AssertionError("needs no S3")


def on_disk(root: Path, files: dict[str, bytes]) -> Folder:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            file.mkdir(exist_ok=True)
        else:
            file.write_bytes(content)
    return Folder(str(root), s3=no_s3)


def in_s3(aws: boto3.Session, files: dict[str, bytes]) -> Folder:
    s3 = aws.client("s3")
    s3.create_bucket(
        Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    for path, content in files.items():
        s3.put_object(Bucket="pictures", Key=f"all/{path}", Body=content)
    s3.put_object(Bucket="pictures", Key="all/", Body=b"")
    s3.put_object(Bucket="pictures", Key="all-others/burnt/x.jpg", Body=b"not below the prefix")
    return Folder("s3://pictures/all", s3=lambda: s3)


@pytest.fixture(params=["disk", "s3"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "disk":
        return lambda files: on_disk(tmp_path / "all", files)
    aws: boto3.Session = request.getfixturevalue("aws")
    return lambda files: in_s3(aws, files)


def kept(folder: Folder) -> dict[str, tuple[str, str | None]]:
    return {
        each.path: (each.label, each.split)
        for each in folder.pictures()
        if isinstance(each, SourcePicture)
    }


def refused(folder: Folder) -> dict[str, str]:
    return {each.path: each.reason for each in folder.pictures() if isinstance(each, Refusal)}


def files(*paths: str) -> dict[str, bytes]:
    return {path: b"" if path.endswith("/") else path.encode() for path in paths}


def test_folders_are_classes_and_paths_are_in_the_order_of_their_bytes(make: Make) -> None:
    folder = make(
        files("fine/b.png", "fine/Z.png", "fine/b/é.jpg", "fine-ish/a.jpg", "burnt/x/train/1")
    )

    assert list(kept(folder).items()) == [
        ("burnt/x/train/1", ("burnt", None)),
        ("fine-ish/a.jpg", ("fine-ish", None)),
        ("fine/Z.png", ("fine", None)),
        ("fine/b.png", ("fine", None)),
        ("fine/b/é.jpg", ("fine", None)),
    ]
    assert not refused(folder)
    for each in folder.pictures():
        assert isinstance(each, SourcePicture)
        assert each.version and each.size == len(each.path.encode())
        assert folder.read(each) == each.path.encode()


def test_folders_on_top_say_which_pictures_validate(make: Make) -> None:
    folder = make(
        files(
            "Val/a/3",
            "extra/a/4",
            "test/b/c/5",
            "Testing/b/6",
            "train/a/1",
            "train/b/2",
            "train/5",
            "valid/c/",
        )
    )

    assert kept(folder) == {
        "Testing/b/6": ("b", "validation"),
        "Val/a/3": ("a", "validation"),
        "test/b/c/5": ("b", "validation"),
        "train/a/1": ("a", "train"),
        "train/b/2": ("b", "train"),
    }
    assert refused(folder) == {
        "extra/a/4": "is beside Testing/ and Val/ and test/ and train/ and valid/; move it into a "
        "class in one of them",
        "train/5": "is beside the folders of the classes; move it into one of them",
        "valid/c/": "holds no file",
    }


def test_a_class_may_be_called_train(make: Make) -> None:
    assert kept(make(files("train/1", "bus/2")))["train/1"] == ("train", None)


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["train/a/1", "train/b/2"], "has train/, and nothing beside it: add validation/, or name"),
        (["test/a/1", "val/b/2"], "has test/ and val/, and nothing beside it: add train/"),
        (["a/1", ".b/1"], "has one class only, 'a'; expected two or more sub-folders"),
        (["1.jpg"], r"no class with a picture \(first refused: 1.jpg: is beside the folders"),
        (["a/", "b/"], "has no class with a picture"),
    ],
)
def test_another_layout_is_refused(make: Make, paths: list[str], says: str) -> None:
    with pytest.raises(StagingError, match=says):
        list(make(files(*paths)).pictures())


def test_files_of_systems_are_left_out_and_others_refused_by_name(make: Make) -> None:
    folder = make(
        files(
            *("a/1.jpg", "b/", "b/2.jpg", ".DS_Store", "a/.hidden/3.jpg", "a/._1.jpg"),
            *("__MACOSX/a/1.jpg", "b/Thumbs.db", "b/desktop.ini", "empty/", "empty/.DS_Store"),
            *("read me.txt", "c /1.jpg", "d\u00a0/1.jpg", "{{resolve:x}}/1.jpg", "a/new\nline.jpg"),
        )
    )

    assert set(kept(folder)) == {"a/1.jpg", "b/2.jpg"}
    name = "not a class name: '.*'; allowed: 1 to 64 printable .*"
    expected = {
        "a/new\\nline.jpg": "its name has control characters; rename it",
        "c /1.jpg": name,
        "d\\xa0/1.jpg": name,
        "empty/": "holds no file",
        "read me.txt": "is beside the folders of the classes; .*",
        "{{resolve:x}}/1.jpg": name,
    }
    found = refused(folder)
    assert sorted(found) == sorted(expected)
    for path, reason in expected.items():
        assert re.fullmatch(reason, found[path])


def test_one_name_is_one_class_however_its_accents_are_written(make: Make) -> None:
    folder = make(files("caf\u00e9/1", "cafe\u0301/2", "tea/3"))

    assert {label for label, _ in kept(folder).values()} == {"café", "tea"}


def test_odd_files_on_disk_stop_no_others(tmp_path: Path) -> None:
    folder = on_disk(tmp_path, files("a/1.jpg", "b/2.jpg", "b/deep/3.jpg"))
    (tmp_path / "a" / "link.jpg").symlink_to(tmp_path / "b" / "2.jpg")
    (tmp_path / "a" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "b" / "deep")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")

    assert set(kept(folder)) == {"a/1.jpg", "a/link.jpg", "b/2.jpg", "b/deep/3.jpg"}
    assert refused(folder) == {
        "a/gone.jpg": "cannot be read: it links to nothing",
        "a/self.jpg": "cannot be read: Too many levels of symbolic links",
        "a/pipe.jpg": "is not a regular file",
        "b/up/": "links to a folder that is listed already",
        "linked/": "links to a folder that is listed already",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_names_in_other_encodings_are_refused(tmp_path: Path) -> None:
    names = ["a/caf\udce9.jpg", "\udcff/1.jpg"]
    folder = on_disk(tmp_path, files("a/1.jpg", "b/2.jpg") | dict.fromkeys(names, b""))

    assert set(kept(folder)) == {"a/1.jpg", "b/2.jpg"}
    reason = "the bytes of its name are not UTF-8; rename it"
    assert refused(folder) == {"a/caf\\udce9.jpg": reason, "\\udcff/1.jpg": reason}


def test_folders_as_deep_as_a_path_can_be_are_refused_by_name(tmp_path: Path) -> None:
    on_disk(tmp_path, files("a/1.jpg", "b/2.jpg"))
    before = Path.cwd()
    try:
        os.chdir(tmp_path / "a")
        for _ in range(30):  # names of 255 bytes, in more than the 4,096 bytes of a path
            Path("d" * 255).mkdir()
            os.chdir("d" * 255)
    finally:
        os.chdir(before)
    folder = Folder(str(tmp_path), s3=no_s3)

    assert set(kept(folder)) == {"a/1.jpg", "b/2.jpg"}
    assert set(refused(folder).values()) == {"cannot be read: File name too long"}


@pytest.mark.parametrize(
    ("name", "says"), [("none", "No such file or directory"), ("a/1", "Not a directory")]
)
def test_a_location_that_is_no_folder_is_named(tmp_path: Path, name: str, says: str) -> None:
    on_disk(tmp_path, files("a/1"))

    with pytest.raises(StagingError, match=f"folder .*/{name}: {says}; name a folder with one"):
        list(Folder(str(tmp_path / name), s3=no_s3).pictures())


def test_versions_tell_files_and_contents_apart(tmp_path: Path) -> None:
    folder = on_disk(tmp_path, {"a/1": b"one", "a/2": b"one", "b/3": b"two"})
    before = {each.path: each for each in folder.pictures() if isinstance(each, SourcePicture)}
    assert len({each.version for each in before.values()}) == 3

    times = (tmp_path / "a" / "1").stat()
    (tmp_path / "a" / "1").write_bytes(b"new")
    os.utime(tmp_path / "a" / "1", ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(PictureRefusedError, match="changed while it was staged; stage again"):
        folder.read(before["a/1"])
    after = {each.path: each for each in folder.pictures() if isinstance(each, SourcePicture)}
    assert {path for path in before if before[path] != after[path]} == {"a/1"}


def test_folder_markers_are_left_out_and_odd_keys_refused(aws: boto3.Session) -> None:
    folder = in_s3(
        aws,
        {
            **files("a/", "a/1.jpg", "b/2.jpg", "b/x/", "b/x//3.jpg", "a/../4.jpg"),
            "b_$folder$": b"",
            "b/odd/": b"content",
            "/5.jpg": b"no class",
        },
    )

    assert {"a/1.jpg", "b/2.jpg", "b/x//3.jpg"} <= set(kept(folder))
    assert set(refused(folder)) == {"/5.jpg", "b/odd/"}


def test_objects_that_are_gone_or_changed_are_refused(aws: boto3.Session) -> None:
    folder = in_s3(aws, files("a/1.jpg", "b/2.jpg"))
    s3 = aws.client("s3")
    first, second = (each for each in folder.pictures() if isinstance(each, SourcePicture))
    s3.delete_object(Bucket="pictures", Key="all/a/1.jpg")
    s3.put_object(Bucket="pictures", Key="all/b/2.jpg", Body=b"other")

    with pytest.raises(PictureRefusedError, match="does not exist"):
        folder.read(first)
    with pytest.raises(PictureRefusedError, match="changed while it was staged"):
        folder.read(second)


def test_a_bucket_that_cannot_be_listed_is_named(aws: boto3.Session) -> None:
    with pytest.raises(StagingError, match="folder s3://no-such-bucket/: .*NoSuchBucket"):
        list(Folder("s3://no-such-bucket", s3=lambda: aws.client("s3")).pictures())
    with pytest.raises(S3UriError, match="expected s3://BUCKET/KEY"):
        Folder("s3:/pictures", s3=no_s3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such files")
def test_a_file_is_read_only_as_far_as_it_was_large(tmp_path: Path) -> None:
    """What is linked in /proc may have no end."""
    folder = on_disk(tmp_path, files("a/1.jpg", "b/2.jpg"))
    (tmp_path / "a" / "1.jpg").unlink()
    (tmp_path / "a" / "1.jpg").symlink_to("/proc/version")
    linked, _ = (each for each in folder.pictures() if isinstance(each, SourcePicture))

    assert folder.read(linked) == b""
