"""Capture records as the detector needs them, and what a batch of capture files adds up to.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import gzip
import io
import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lambda_src.shared import json_limits, probabilities

from . import metrics
from .baseline import Observation, StoredBaseline
from .picture_statistics import NotMeasuredError, measure

BASELINE_PREFIX = "baseline-"
"""Begins the inference ids of the calls that make a baseline: they are no traffic."""

GZIP_MAGIC = b"\x1f\x8b"

MAX_ID = 256
"""Characters of an id; SageMaker's have 36, callers' up to 64. The ids of a batch are kept."""
MAX_REASON = 200
"""Characters of an error that come from a record: the log takes no more than 256 KB a message."""
LOGGED_REASONS = 10

logger = logging.getLogger(__name__)


class UnreadableError(ValueError):
    """A line is not a capture record with a prediction, or a file breaks off."""


class Record(NamedTuple):
    """One answered request."""

    event_id: str
    inference_id: str  # empty if the caller sent none
    time: datetime  # when the model answered, to the second, with time zone
    probabilities: list[float]  # one for each class of the model
    picture: bytes | None  # None if requests are not captured


def lines(body: io.RawIOBase, may_read: Callable[[], bool] = lambda: True) -> Iterator[bytes]:
    """Yield the lines of a capture file, gzip or not, by `json_limits.lines`, without blank ones.

    Raises UnreadableError if the rest is damaged gzip, has too many lines, or takes longer than
    `may_read` allows: the next run would not get further.
    """
    stream = io.BufferedReader(body)
    zipped = stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    try:
        unzipped = gzip.GzipFile(fileobj=stream) if zipped else stream
        yield from filter(bytes.strip, json_limits.lines(unzipped, may_read))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def parse(line: bytes) -> Record:
    """Return the record of a line; raise UnreadableError if it is not one or exceeds a limit."""
    try:
        capture = json_limits.parse(line)
        metadata, data = capture["eventMetadata"], capture["captureData"]
        picture = data.get("endpointInput")
        return Record(
            event_id=_id(metadata["eventId"]),
            inference_id=_id(metadata.get("inferenceId") or ""),
            time=_time(metadata["inferenceTime"]),
            probabilities=probabilities.check(json_limits.parse(_content(data["endpointOutput"]))),
            picture=_content(picture) if picture else None,
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnreadableError(reason[:MAX_REASON]) from error


def _id(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_ID:
        raise ValueError(f"an id is not a string of up to {MAX_ID} characters")
    return value


def _content(payload: dict[str, Any]) -> bytes:
    if payload["encoding"] == "BASE64":
        return base64.b64decode(payload["data"], validate=True)
    text: str = payload["data"]
    return text.encode()


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"time {text!r} has no time zone")
    return time


@dataclass
class Batch:
    """Counts of the records of capture files, and the observations that can be compared."""

    baseline: StoredBaseline
    model_is_served: bool = True
    """False while another model than the baseline's answers, or is about to."""
    may_measure: Callable[[], bool] = lambda: True
    """False when time is short: pictures then count as not measured."""
    may_read: Callable[[], bool] = lambda: True
    """False when the rest of the time is needed to publish: a file then ends as unreadable."""
    records: int = 0
    unreadable: int = 0
    not_compared: int = 0
    not_measured: int = 0
    _observed: list[tuple[datetime, Observation]] = field(default_factory=list)
    _event_ids: set[str] = field(default_factory=set)

    def add_file(self, key: str, body: io.RawIOBase) -> None:
        """Count the records of a capture file, and what cannot be read of it."""
        number = 0
        try:
            for number, line in enumerate(lines(body, self.may_read), 1):
                try:
                    self._add(parse(line))
                except UnreadableError as error:
                    self.refuse(f"{key}, record {number}: {error}")
        except UnreadableError as error:
            self.refuse(f"{key}, after record {number}: {error}")

    def refuse(self, reason: str) -> None:
        """Count something that cannot be read; log the first few reasons."""
        self.unreadable += 1
        if self.unreadable <= LOGGED_REASONS:
            logger.warning("not readable: %s", reason)

    @property
    def observations(self) -> list[Observation]:
        """Return them in the order of their time; files of several instances overlap."""
        return [observed for _, observed in sorted(self._observed, key=lambda pair: pair[0])]

    @property
    def counts(self) -> dict[str, float]:
        """Return the counts by name of the metric."""
        return {
            metrics.RECORDS: self.records,
            metrics.UNREADABLE: self.unreadable,
            metrics.NOT_COMPARED: self.not_compared,
            metrics.NOT_MEASURED: self.not_measured,
        }

    def _add(self, record: Record) -> None:
        is_traffic = not record.inference_id.startswith(BASELINE_PREFIX)
        if not is_traffic or record.event_id in self._event_ids:
            return
        if self._belongs_to_the_model(record):
            self._observed.append((record.time, self._observation(record)))
        else:
            self.not_compared += 1
        self._event_ids.add(record.event_id)
        self.records += 1

    def _belongs_to_the_model(self, record: Record) -> bool:
        if not self.model_is_served or record.time < self.baseline.created:
            return False
        found, expected = len(record.probabilities), len(self.baseline.classes)
        if found != expected:
            raise UnreadableError(f"{found} probabilities; the model has {expected} classes")
        return True

    def _observation(self, record: Record) -> Observation:
        if record.picture is not None and self.may_measure():
            try:
                measured = measure(record.picture, side=self.baseline.side)
                return Observation.of(record.probabilities, *measured)
            except NotMeasuredError as error:
                if not self.not_measured:
                    logger.warning("not measured: event %a: %s", record.event_id, error)
        if record.picture is not None:
            self.not_measured += 1
        return Observation.of(record.probabilities)
