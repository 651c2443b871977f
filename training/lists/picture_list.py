"""List the pictures that a CSV or a manifest of SageMaker Ground Truth names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambda_src.shared.messages import shown
from settings.s3_uris import S3Uri, is_s3
from training.errors import StagingError
from training.lists.entries import Entry, read_entries
from training.names import CONTROL, NOT_UTF8, SPLIT_NAMES, class_name
from training.pictures import Refusal, SourcePicture, Split
from training.places import Found, find_places, read_place
from training.quotations import shortened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_LIST_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class _Listed:
    """A usable line."""

    line: int
    path: str
    place: str
    """Where the picture is, the same however the list writes it."""
    label: str
    split: Split | None
    group: str

    @property
    def says(self) -> str:
        return ", ".join(filter(None, (self.label, self.split, self.group)))


class PictureList:
    """Pictures that a list names: by S3 URI, absolute path, or path from the list's folder."""

    name = "manifest"

    def __init__(self, location: str, *, s3: Callable[[], "S3Client"]) -> None:
        """List what the file or object `location` names; `s3` returns a client, if S3 is needed."""
        self.location = location if is_s3(location) else str(Path(location).expanduser())
        self._s3 = cache(s3)

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        """List the pictures in order of the lines, and what is wrong with the other lines.

        A picture that is listed again in the same words is listed once.

        Raises:
            StagingError: the list cannot be read, is no list, or names no picture that is there.
        """
        entries = read_entries(self.content(), self.location)
        lines = [self._checked(entry) for entry in entries]
        first: dict[str, _Listed] = {}
        disputed: dict[str, _Listed] = {}
        for each in lines:
            if isinstance(each, _Listed):
                known = first.setdefault(each.place, each)
                if known.says != each.says:
                    disputed.setdefault(each.place, each)
        found = find_places(first, self._s3)
        pictures = [
            each
            if isinstance(each, Refusal)
            else _picture(each, found[each.place], disputed.get(each.place))
            for each in lines
            if isinstance(each, Refusal) or each is first[each.place]
        ]
        refused = [each for each in pictures if isinstance(each, Refusal)]
        if len(refused) == len(pictures):
            reason = f": {refused[0].path}: {refused[0].reason}" if refused else ""
            raise StagingError(
                f"list of pictures {self.location}: none of its {len(pictures):,} lines can be "
                f"used{reason}"
            )
        yield from pictures

    def place(self, picture: str) -> str:
        """Return where a picture is: an S3 URI or an absolute path; raise ValueError if unclear."""
        if CONTROL.search(picture) or NOT_UTF8.search(picture):
            raise ValueError(f"control characters: {shown(picture)}; rename the picture")
        if is_s3(picture):
            return str(S3Uri.parse_object(picture))
        if Path(picture).is_absolute():
            return str(Path(picture))
        # An object may have dots as a part of its key; then the list can write its URI.
        parts = [part for part in picture.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise ValueError(f"leaves the folder of the list: {shown(picture)}")
        relative = "/".join(parts)
        if is_s3(self.location):
            folder, _, _ = self.location.rpartition("/")
            return str(S3Uri.parse_object(f"{folder}/{relative}"))
        return str(Path(self.location).parent.joinpath(relative).absolute())

    def read(self, picture: SourcePicture) -> bytes:
        """Return the file of a picture that was listed.

        Raises:
            PictureRefusedError: it is too large, or has changed since.
            OSError, or an error of AWS: it cannot be read.
        """
        return read_place(self.place(picture.path), picture.version, self._s3)

    def content(self) -> bytes:
        """Return the list's file; raise StagingError if it cannot be read."""
        if is_s3(self.location):
            uri = S3Uri.parse_object(self.location)
            try:
                body = self._s3().get_object(Bucket=uri.bucket, Key=uri.key)["Body"]
            except ClientError as error:
                raise StagingError(f"list of pictures {uri}: {error}") from error
            content = body.read(MAX_LIST_BYTES + 1)
        else:
            try:
                with Path(self.location).open("rb") as file:
                    content = file.read(MAX_LIST_BYTES + 1)
            except OSError as error:
                raise StagingError(
                    f"list of pictures {self.location}: {error.strerror}; name a CSV or a manifest"
                ) from error
        if len(content) > MAX_LIST_BYTES:
            raise StagingError(
                f"list of pictures {self.location} has more than {MAX_LIST_BYTES // 2**20} MB; "
                "name a smaller one"
            )
        return content

    def _checked(self, entry: Entry) -> _Listed | Refusal:
        try:
            if entry.error:
                raise ValueError(entry.error)
            place = self.place(entry.picture)
            label = class_name(entry.label)
            split = SPLIT_NAMES.get(entry.split.casefold())
            if entry.split and not split:
                allowed = ", ".join(SPLIT_NAMES)
                raise ValueError(
                    f"unknown split: {shown(entry.split)}; allowed: {allowed}, or empty"
                )
        except ValueError as error:
            return Refusal(self.where(entry), str(error))
        path = entry.picture if is_s3(place) else str(Path(entry.picture))
        return _Listed(entry.line, path, place, label, split, entry.group)

    def where(self, entry: Entry) -> str:
        """Return how people find a line."""
        return f"{self.location.rpartition('/')[2]}, line {entry.line}"


def _picture(listed: _Listed, found: Found | str, other: _Listed | None) -> SourcePicture | Refusal:
    """Return the picture of a line, `other` being a line that contradicts it."""
    if other:
        says = [f"line {each.line} says {shortened(each.says)}" for each in (listed, other)]
        return Refusal(listed.path, f"contradictory: {', '.join(says)}")
    if isinstance(found, str):
        return Refusal(listed.path, f"{found}: line {listed.line}")
    return SourcePicture(
        listed.path, listed.label, listed.split, listed.group, found.size, found.version
    )
