"""Each picture is prepared once, kept or refused by name, whatever happens to the others."""

import io
import os
import signal
import sqlite3
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from PIL import Image
from rich.console import Console

from tests.odd_work import encode_or_die
from training.errors import PictureRefusedError, StagingError
from training.pictures import PreparedPicture, Refusal, SourcePicture
from training.preparation import prepare as preparation
from training.preparation.prepare import READERS, prepare
from training.preparation.uniform import MAX_BYTES

SIDE = 32
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")


def jpeg(number: int) -> bytes:
    content = io.BytesIO()
    colour = (number * 7 % 256, number * 31 % 256, number % 256)
    Image.new("RGB", (40 + number, 50), colour).save(content, "JPEG")
    return content.getvalue()


@dataclass
class InMemory:
    """A source that remembers what was read."""

    files: dict[str, bytes | Exception]
    size: int = 0
    name: str = "folder"
    location: str = "memory"
    was_read: list[str] = field(default_factory=list)

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        for path, content in self.files.items():
            version = str(zlib.crc32(repr(content).encode()))
            yield SourcePicture(path, "burnt", size=self.size, version=version)
            yield Refusal(f"{path}.txt", "is beside it")

    def read(self, picture: SourcePicture) -> bytes:
        self.was_read.append(picture.path)
        content = self.files[picture.path]
        if isinstance(content, Exception):
            raise content
        return content


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting more takes longer than the work of these tests."""
    monkeypatch.setattr(preparation, "PROCESSORS", 1)


def run(source: InMemory, cache: Path) -> list[PreparedPicture | Refusal]:
    source.was_read.clear()
    return prepare(source, side=SIDE, cache=cache, console=Console(file=io.StringIO()))


def reasons(results: list[PreparedPicture | Refusal]) -> dict[str, str]:
    return {
        each.path: each.reason
        for each in results
        if isinstance(each, Refusal) and not each.path.endswith(".txt")
    }


def kept(results: list[PreparedPicture | Refusal]) -> list[PreparedPicture]:
    return [each for each in results if isinstance(each, PreparedPicture)]


def test_pictures_are_prepared_once_and_returned_in_order(tmp_path: Path) -> None:
    source = InMemory({f"{number}.jpg": jpeg(number) for number in range(40)})
    source.files["note.jpg"] = b"no picture"

    results = run(source, tmp_path)

    assert [each.path if isinstance(each, Refusal) else each.source.path for each in results] == [
        path for each in source.files for path in (each, f"{each}.txt")
    ]
    assert reasons(results) == {"note.jpg": "not a picture"}
    seventh = kept(results)[7]
    assert (seventh.format, seventh.mode, seventh.width) == ("JPEG", "RGB", 47)
    assert isinstance(seventh.content, Path)
    with Image.open(seventh.content) as picture:
        assert (picture.format, picture.size) == ("PNG", (SIDE, SIDE))
    assert sorted(source.was_read) == sorted(source.files)

    assert run(source, tmp_path) == results
    assert source.was_read == []

    source.location = f"{Path.cwd()}/memory/"
    source.files["8.jpg"] = jpeg(99)
    again = run(source, tmp_path)
    assert source.was_read == ["8.jpg"]
    assert [old == new for old, new in zip(results, again, strict=True)].count(False) == 1


def test_what_cannot_be_read_is_refused_and_tried_again_next_time(tmp_path: Path) -> None:
    source = InMemory(
        {
            "gone.jpg": PictureRefusedError("does not exist"),
            "secret.jpg": PermissionError(13, "Permission denied"),
            "fine.jpg": jpeg(1),
        }
    )
    refused = {"gone.jpg": "does not exist", "secret.jpg": "cannot be read: Permission denied"}

    assert reasons(run(source, tmp_path)) == refused
    assert reasons(run(source, tmp_path)) == refused
    assert set(source.was_read) == set(refused)


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    source = InMemory({"film.jpg": b""}, size=MAX_BYTES + 1)

    assert "at most 104,857,600 are read" in reasons(run(source, tmp_path))["film.jpg"]
    assert source.was_read == []


def test_errors_of_aws_stop_the_staging_and_keep_what_is_done(tmp_path: Path) -> None:
    source = InMemory({f"{number}.jpg": jpeg(number) for number in range(60)})
    source.files["59.jpg"] = DENIED

    with pytest.raises(ClientError, match="AccessDenied"):
        run(source, tmp_path)
    source.files["59.jpg"] = jpeg(59)
    assert len(kept(run(source, tmp_path))) == 60
    assert 0 < len(source.was_read) < 60


class Killing(InMemory):
    """Kills the process that reads its thirtieth picture."""

    def read(self, picture: SourcePicture) -> bytes:
        if len(self.was_read) == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(picture)


def test_a_staging_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    files: dict[str, bytes | Exception] = {f"{number}.jpg": jpeg(number) for number in range(60)}
    killed = get_context("spawn").Process(target=run, args=(Killing(files), tmp_path))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL

    source = InMemory(files)
    assert len(kept(run(source, tmp_path))) == 60
    assert len(source.was_read) <= 60 - (30 - READERS)


def test_a_picture_that_kills_its_process_is_refused_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "encode", encode_or_die)
    source = InMemory({f"{number}.jpg": jpeg(number) for number in range(20)})
    source.files["9.jpg"] = b"die SIGKILL"

    results = run(source, tmp_path)

    assert reasons(results) == {"9.jpg": "its process was killed, which happens if memory runs out"}
    assert len(kept(results)) == 19


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    source = InMemory({f"{number}.jpg": jpeg(number) for number in range(6)})
    before = run(source, tmp_path)
    missing, cut, *_ = (each.content for each in kept(before))
    assert isinstance(missing, Path) and isinstance(cut, Path)

    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    assert run(source, tmp_path) == before
    assert sorted(source.was_read) == ["0.jpg", "1.jpg"]
    assert len({path.stat().st_size for path in tmp_path.rglob("*.png")}) == 1

    (database,) = tmp_path.glob("*.sqlite")
    whole = database.read_bytes()
    foreign = tmp_path / "foreign"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE prepared (something)")
    connection.close()
    for content in (b"no database" * 1000, foreign.read_bytes(), whole[: len(whole) - 700]):
        database.write_bytes(content)
        assert run(source, tmp_path) == before
        assert run(source, tmp_path) == before
        assert source.was_read == []


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [(b"JPEG", b"JPE\xc7"), (b"RGB", b"RGD"), (b"KEY (location", b"KEY (locati\xf3n")],
)
def test_flipped_bits_in_the_cache_change_nothing(
    whole: bytes, damaged: bytes, tmp_path: Path
) -> None:
    source = InMemory({f"{number}.jpg": jpeg(number) for number in range(3)})
    before = run(source, tmp_path)
    (database,) = tmp_path.glob("*.sqlite")
    content = database.read_bytes()
    assert whole in content

    database.write_bytes(content.replace(whole, damaged, 1))
    assert run(source, tmp_path) == before


def test_stagings_share_a_cache(tmp_path: Path) -> None:
    sources = [InMemory({f"{number}.jpg": jpeg(number) for number in range(20)}) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda source: run(source, tmp_path), sources)

    assert first == second
    assert all(each.content.is_file() for each in kept(first) if isinstance(each.content, Path))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StagingError, match=r"cache .*/file/cache: Not a directory; set XDG_CACHE"):
        run(InMemory({"1.jpg": jpeg(1)}), tmp_path / "file" / "cache")


def test_a_disk_without_room_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5_000}))
    source = InMemory({"1.jpg": jpeg(1)})

    with pytest.raises(StagingError, match=r"1 pictures need 7.2 kB, and 5.0 kB are free"):
        run(source, tmp_path)
    assert source.was_read == []
