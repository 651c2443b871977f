"""Remember how far the detector has read, so that no record is lost or counted twice.

The state is one small JSON object. It says up to which upload all files are done (`Cursor`), and
which metrics are on their way to CloudWatch (`Pending`). A batch of files takes three steps:

1. its metrics, and the cursor as it will be after them, are written into the state as pending;
2. the metrics go to CloudWatch in one call, which takes all of them or none;
3. the cursor replaces the pending batch.

A run that ends before 1 has changed nothing. If it ends later, the next run finds the pending
batch, asks CloudWatch whether it arrived, sends it if it did not, and goes on with 3. CloudWatch
can tell because each batch has its own minute. Every write names the version that it replaces, so
of two simultaneous runs one stops at its first write.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from .baseline import Observation, number

OVERLAP = timedelta(minutes=15)
"""Files uploaded within this time before the latest one are looked at again: S3 dates an object by
the beginning of its upload, and shows it at the end. Captures take seconds."""
LOOKBACK = timedelta(days=30)
"""A listing begins at the folder of this time before the latest upload: SageMaker puts a file into
the folder of its records' hour and uploads it soon after, but others may copy captures there. At
10,000 files a day it is some 300 requests."""
MINUTES_KEPT = timedelta(days=1)

CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict")


class OvertakenError(Exception):
    """Another run has written the state in the meantime."""


class StateDamagedError(Exception):
    """The object is not what a run writes."""


class CaptureFile(NamedTuple):
    """One capture file in S3; files sort by the time of their upload."""

    uploaded: datetime
    key: str


@dataclass(frozen=True)
class Cursor:
    """The files that are done, and what the next comparison needs of them."""

    uploaded: datetime | None = None  # upload of the latest done file
    done: tuple[CaptureFile, ...] = ()  # done files of the last `OVERLAP`
    baseline: str = ""  # the baseline that `window` belongs to
    window: tuple[Observation, ...] = ()  # the latest observations, oldest first

    def after(self, files: Iterable[CaptureFile]) -> Self:
        """Return the cursor once these files are done as well."""
        done = {*self.done, *files}
        if not done:
            return self
        latest = max(done).uploaded
        recent = sorted(file for file in done if file.uploaded >= latest - OVERLAP)
        return replace(self, uploaded=latest, done=tuple(recent))

    def is_new(self, file: CaptureFile) -> bool:
        """Return whether the file is still to be read."""
        if self.uploaded and file.uploaded < self.uploaded - OVERLAP:
            return False
        return file not in self.done

    def new_files(self, s3: Any, *, bucket: str, prefix: str, now: datetime) -> list[CaptureFile]:
        """List the files below `prefix` that are not done, in the order of their upload.

        `prefix` ends in a slash, and the folders of hours, yyyy/mm/dd/hh/, are below it.
        """
        oldest = min(now, self.uploaded or now) - LOOKBACK
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=f"{prefix}{oldest.astimezone(UTC):%Y/%m/%d/%H}"
        )
        listed = (
            CaptureFile(item["LastModified"], item["Key"])
            for page in pages
            for item in page.get("Contents", ())
        )
        return sorted(filter(self.is_new, listed))


@dataclass(frozen=True)
class Pending:
    """A batch whose metrics may have reached CloudWatch or not."""

    begun: datetime  # when a run last began to send them
    minutes: tuple[datetime, ...]
    """Under which they were or will be sent: one for each attempt, the latest last."""
    metrics: dict[str, float]
    then: Cursor  # the cursor once they are sent


@dataclass(frozen=True)
class State:
    """One version of the object in S3."""

    cursor: Cursor = Cursor()
    minutes: tuple[datetime, ...] = ()  # of the batches that were sent in the last `MINUTES_KEPT`
    pending: Pending | None = None
    version: str | None = None  # ETag; None if there is no object yet

    def free_minute(self, now: datetime) -> datetime:
        """Return the latest minute that no batch has; not a future one, which alarms would miss."""
        used = {*self.minutes, *(self.pending.minutes if self.pending else ())}
        minute = now.replace(second=0, microsecond=0)
        while minute in used:
            minute -= timedelta(minutes=1)
        return minute

    def committed(self, pending: Pending) -> "State":
        """Return the state once the pending batch is sent."""
        oldest = pending.begun - MINUTES_KEPT
        minutes = tuple(each for each in (*self.minutes, *pending.minutes) if each >= oldest)
        return replace(self, cursor=pending.then, minutes=minutes, pending=None)


class StateStore:
    """The object in S3."""

    def __init__(self, s3: Any, *, bucket: str, key: str) -> None:
        self._s3, self._bucket, self._key = s3, bucket, key

    def load(self) -> State:
        """Return the latest state, an empty one if there is none, or raise StateDamagedError."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=self._key)
        except self._s3.exceptions.NoSuchKey:
            return State()
        try:
            value = json.loads(found["Body"].read())
            return State(
                cursor=_cursor(value["cursor"]),
                minutes=tuple(map(_time, value["minutes"])),
                pending=_pending(value["pending"]) if value["pending"] else None,
                version=found["ETag"],
            )
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise StateDamagedError(
                f"s3://{self._bucket}/{self._key} is damaged: {type(error).__name__}: "
                f"{error!s:.200}; remove it, and the next run reads the captures of the last "
                f"{LOOKBACK.days} days"
            ) from error

    def save(self, state: State) -> State:
        """Replace the version that `state` was made from; return it with the new version.

        Raises OvertakenError if another run has replaced that version.
        """
        value = asdict(state)
        del value["version"]
        condition: Any = {"IfMatch": state.version} if state.version else {"IfNoneMatch": "*"}
        try:
            written = self._s3.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=json.dumps(value, default=datetime.isoformat).encode(),
                ContentType="application/json",
                **condition,
            )
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in CONFLICTS:
                raise OvertakenError(
                    f"s3://{self._bucket}/{self._key} was written by another run"
                ) from error
            raise
        return replace(state, version=written["ETag"])


def _cursor(value: dict[str, Any]) -> Cursor:
    return Cursor(
        uploaded=_time(value["uploaded"]) if value["uploaded"] else None,
        done=tuple(CaptureFile(_time(time), _text(key)) for time, key in value["done"]),
        baseline=_text(value["baseline"]),
        window=tuple(Observation.from_json(row) for row in value["window"]),
    )


def _pending(value: dict[str, Any]) -> Pending:
    metrics = value["metrics"] if "metrics" in value else value["figures"]  # its former name
    return Pending(
        begun=_time(value["begun"]),
        minutes=(_time(value["minutes"][0]), *map(_time, value["minutes"][1:])),
        metrics={name: number(each) for name, each in metrics.items()},
        then=_cursor(value["then"]),
    )


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    # Other years overflow when days are added, and no run has written them.
    if time.tzinfo is None or not 2000 <= time.year < 9000:
        raise ValueError(f"{value!r:.50} is not the time of a run")
    return time


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.50} is not a string")
    return value
