"""What is counted, and kept, of a batch of capture files."""

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from . import captures, metrics
from .baseline import Observation, StoredBaseline
from .captures import Record, UnreadableError
from .pictures import NotMeasuredError, measure

LOGGED_REASONS = 10

logger = logging.getLogger(__name__)


@dataclass
class Batch:
    """Counts, and the observations that can be compared, oldest first."""

    baseline: StoredBaseline
    model_is_served: bool = True
    """False while another model is about to answer, or answers, than the baseline's."""
    may_measure: Callable[[], bool] = lambda: True
    """False when time is short: pictures then count as not measured."""
    may_read: Callable[[], bool] = lambda: True
    """False when the rest of the time is needed for the figures: a file then ends as unreadable."""
    records: int = 0
    unreadable: int = 0
    not_compared: int = 0
    not_measured: int = 0
    _observed: list[tuple[datetime, Observation]] = field(default_factory=list)
    _event_ids: set[str] = field(default_factory=set)

    def add_file(self, key: str, body: io.RawIOBase) -> None:
        """Count the records of a capture file; what cannot be read is counted and passed."""
        number = 0
        try:
            for number, line in enumerate(captures.lines(body, self.may_read), 1):
                try:
                    self._add(captures.parse(line))
                except UnreadableError as error:
                    self.refuse(f"{key}, record {number}: {error}")
        except UnreadableError as error:
            self.refuse(f"{key}, after record {number}: {error}")

    def refuse(self, reason: str) -> None:
        """Count something that cannot be read; the log has the first few reasons."""
        self.unreadable += 1
        if self.unreadable <= LOGGED_REASONS:
            logger.warning("not readable: %s", reason)

    @property
    def observations(self) -> list[Observation]:
        """In the order of their time; files of several instances overlap."""
        return [observed for _, observed in sorted(self._observed, key=lambda pair: pair[0])]

    @property
    def counts(self) -> dict[str, float]:
        """By name of the metric."""
        return {
            metrics.RECORDS: self.records,
            metrics.UNREADABLE: self.unreadable,
            metrics.NOT_COMPARED: self.not_compared,
            metrics.NOT_MEASURED: self.not_measured,
        }

    def _add(self, record: Record) -> None:
        is_traffic = not record.inference_id.startswith(captures.BASELINE_PREFIX)
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
        confidence = max(record.probabilities)
        best_class = record.probabilities.index(confidence)
        if record.picture is not None and self.may_measure():
            try:
                return Observation(confidence, best_class, *measure(record.picture))
            except NotMeasuredError as error:
                if not self.not_measured:
                    logger.warning("not measured: event %a: %s", record.event_id, error)
        if record.picture is not None:
            self.not_measured += 1
        return Observation(confidence, best_class)
