"""Count what captures and labels hold but a report cannot use, with file and line."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from lambda_src.shared.messages import readable

EXAMPLES = 20
"""Skipped lines of each kind that are kept, with file, line and reason."""

_logger = logging.getLogger(__name__)


class Kind(Enum):
    """Why a line was skipped; the value is the text in reports."""

    UNREADABLE = "unreadable files or parts of files"
    NO_RECORD = "lines that are not capture records"
    WRONG_ENCODING = "records not in the encoding they declare"
    NO_PROBABILITIES = "records whose output is not a list of probabilities"
    DUPLICATE = "repeated events"
    CLASS_COUNT = "records with a different number of probabilities"
    FUTURE = "records with a time in the future"
    BASELINE = "measurements of the drift baseline"
    NO_OUTPUT = "records without output"
    NO_INPUT = "records without input"
    NO_PICTURE = "records whose input is not a picture"
    NO_LABEL = "rows or lines that are not labels"
    NOT_LABELLED = "rows not labelled yet"
    UNKNOWN_CLASS = "labels that name no class"
    CONTRADICTION = "contradictory labels"
    UNMATCHED = "labels without a record"

    @property
    def kept(self) -> bool:
        """True if the record is used nevertheless, as far as it goes."""
        return self in (Kind.NO_OUTPUT, Kind.NO_INPUT, Kind.NO_PICTURE)


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line, or a file, that is not used or only in part."""

    file: str
    line: int
    """Counted from 1; 0 for a whole file."""
    reason: str
    kind: Kind


def log(skipped: SkippedLine) -> None:
    """Log a warning."""
    _logger.warning("skipped %s, line %d: %s", skipped.file, skipped.line, skipped.reason)


@dataclass
class SkippedLines:
    """All skipped lines in bounded memory: each is counted, the first of each kind are kept."""

    counter: Counter[Kind] = field(default_factory=Counter)
    first: dict[Kind, list[SkippedLine]] = field(default_factory=dict)
    """At most `EXAMPLES` of each kind."""

    @property
    def counts(self) -> Mapping[Kind, int]:
        """Number of skipped lines by kind, in the order of `Kind`; absent if there are none."""
        return {kind: self.counter[kind] for kind in Kind if self.counter[kind]}

    def add(self, skipped: SkippedLine) -> None:
        """Count one."""
        self.counter[skipped.kind] += 1
        examples = self.first.setdefault(skipped.kind, [])
        if len(examples) < EXAMPLES:
            examples.append(skipped)

    def add_all(self, other: Self) -> None:
        """Count what another one counted."""
        self.counter.update(other.counter)
        for kind, examples in other.first.items():
            known = self.first.setdefault(kind, [])
            known.extend(examples[: EXAMPLES - len(known)])

    def sentences(self) -> list[str]:
        """Return a printable line for each kind: how many, and where and why the first."""
        lines = []
        for kind, count in self.counts.items():
            first = self.first[kind][0]
            place = f"{first.file}, line {first.line}" if first.line else first.file
            text = f"{kind.value.capitalize()}: {count:,}; first in {place}: {first.reason}"
            # A key, an id or a label may hold what would move a terminal's cursor.
            lines.append(readable(text))
        return lines
