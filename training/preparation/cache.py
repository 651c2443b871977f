"""Remember what was prepared: PNG files by their SHA-256, and one SQLite file that names them.

Several stagings may use it at the same time. What is missing, damaged or not ours is made again.
"""

import hashlib
import json
import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import PIL
from rich.filesize import decimal

from training.errors import PictureRefusedError, StagingError
from training.pictures import PreparedPicture, Refusal, SourcePicture, Uniform
from training.preparation.uniform import RULES, make_uniform

_REMEDY = "set XDG_CACHE_HOME to a folder on another disk, or make room"

_KEY = "location, path, version, side, rules"
_VALUES = "sha256, size, fingerprint, format, mode, width, height, notes, refused"
_COLUMNS = f"{_KEY}, {_VALUES}, checksum"
_SCHEMA = f"CREATE TABLE IF NOT EXISTS prepared ({_COLUMNS}, PRIMARY KEY ({_KEY}))"
_SELECT = f"SELECT {_VALUES}, checksum FROM prepared WHERE ({_KEY}) = (?, ?, ?, ?, ?)"
_INSERT = f"INSERT OR REPLACE INTO prepared ({_COLUMNS}) VALUES ({', '.join('?' * 15)})"

# Another Pillow may decode to other pixels.
_RULES = f"{RULES}, Pillow {PIL.__version__}"

_NOT_OURS = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_LOCKED_SECONDS = 60.0
_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A uniform picture whose PNG file is in the cache."""

    sha256: str
    size: int
    """Bytes of the PNG file."""
    uniform: Uniform
    """Without the PNG file."""


def encode(content: bytes, *, side: int, folder: Path) -> Encoded | StagingError:
    """Make a picture uniform and write it into the cache; return, not raise, what prevents that."""
    try:
        uniform = make_uniform(content, side)
    except PictureRefusedError as error:
        return error
    sha256 = hashlib.sha256(uniform.png).hexdigest()
    file = _picture_file(folder, sha256)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=_unfinished(folder), delete=False) as part:
            part.write(uniform.png)
        Path(part.name).replace(file)
    except OSError as error:
        return StagingError(f"cache {folder}: {error.strerror}; {_REMEDY}")
    return Encoded(sha256, len(uniform.png), replace(uniform, png=b""))


class PreparationCache:
    """The pictures of one source at one size; used by threads."""

    def __init__(self, folder: Path, *, location: str, side: int) -> None:
        """Open the cache, or make one; raise StagingError if the folder cannot be written."""
        self._folder = folder
        self._location = location
        self._side = side
        self._lock = threading.Lock()
        try:
            _unfinished(folder).mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            self._database = self._open()
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StagingError(f"cache {folder}: {reason}; {_REMEDY}") from error

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def find(self, picture: SourcePicture) -> PreparedPicture | Refusal | None:
        """Return what became of this picture; None if that is not known, or its file is not whole.

        A source that does not know a picture's version has it prepared each time.
        """
        if not picture.version:
            return None
        key = self._key(picture)
        *values, checksum = self._execute(_SELECT, *key) or (None,)
        if checksum != _checksum(*key, *values):
            return None
        sha256, size, fingerprint, format_, mode, width, height, notes, refused = values
        if refused:
            return Refusal(picture.path, refused)
        try:
            file = _picture_file(self._folder, sha256)
            if file.stat().st_size != size:
                return None
            return PreparedPicture(
                source=picture,
                sha256=sha256,
                fingerprint=fingerprint,
                content=file,
                format=format_,
                mode=mode,
                width=width,
                height=height,
                notes=tuple(json.loads(notes)),
            )
        except OSError:
            return None

    def add(
        self, picture: SourcePicture, result: Encoded | PictureRefusedError
    ) -> PreparedPicture | Refusal:
        """Remember and return what became of a picture."""
        if isinstance(result, PictureRefusedError):
            self._insert(picture, *[None] * 8, str(result))
            return Refusal(picture.path, str(result))
        uniform = result.uniform
        prepared = PreparedPicture(
            source=picture,
            sha256=result.sha256,
            fingerprint=uniform.fingerprint,
            content=_picture_file(self._folder, result.sha256),
            format=uniform.format,
            mode=uniform.mode,
            width=uniform.width,
            height=uniform.height,
            notes=uniform.notes,
        )
        self._insert(
            picture,
            *(result.sha256, result.size, uniform.fingerprint, uniform.format, uniform.mode),
            *(uniform.width, uniform.height, json.dumps(uniform.notes), None),
        )
        return prepared

    def require_space(self, pictures: int) -> None:
        """Raise StagingError if so many more pictures do not fit onto the disk."""
        needed = pictures * (3 * self._side**2 + 4096)
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise StagingError(
                f"cache {self._folder}: {pictures:,} pictures need {decimal(needed)}, and "
                f"{decimal(free)} are free; {_REMEDY}"
            )

    def _key(self, picture: SourcePicture) -> tuple[str | int, ...]:
        return (self._location, picture.path, picture.version, self._side, _RULES)

    def _insert(self, picture: SourcePicture, *values: object) -> None:
        # Each by itself: what is done stays done, whenever this process ends.
        if picture.version:
            row = (*self._key(picture), *values)
            self._execute(_INSERT, *row, _checksum(*row))

    def _execute(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row."""
        try:
            with self._lock:
                row: tuple[Any, ...] | None = self._database.execute(statement, values).fetchone()
                return row
        except sqlite3.Error as error:
            raise StagingError(f"cache {self._folder}: {error}; {_REMEDY}") from error

    def _open(self) -> sqlite3.Connection:
        file = self._folder / "index.sqlite"
        try:
            return _connected(file)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # The latter is about a message of SQLite, which quotes damaged text.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF not in _NOT_OURS:
                raise
            for each in (file, file.with_name(f"{file.name}-journal")):
                each.unlink(missing_ok=True)
            return _connected(file)

    def _remove_abandoned(self) -> None:
        """Remove the files of stagings that were killed."""
        for file in _unfinished(self._folder).iterdir():
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _ABANDONED_SECONDS:
                    file.unlink()


def _connected(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        file, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False
    )
    # Damaged text is no error here: the row's checksum shows it.
    database.text_factory = lambda text: text.decode(errors="replace")
    try:
        # Survives a kill at any moment; after a power failure the cache is made again.
        database.execute("PRAGMA synchronous = OFF")
        database.execute(_SCHEMA)
        database.execute(f"SELECT {_COLUMNS} FROM prepared LIMIT 0")
        if (found := database.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
    except (sqlite3.Error, UnicodeDecodeError):
        database.close()
        raise
    return database


def _checksum(*values: object) -> bytes:
    """Return what shows that a row is as it was written."""
    return hashlib.sha256(repr(values).encode()).digest()[:8]


def _picture_file(folder: Path, sha256: str) -> Path:
    return folder / "pictures" / sha256[:2] / f"{sha256}.png"


def _unfinished(folder: Path) -> Path:
    return folder / "unfinished"
