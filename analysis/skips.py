"""What was found in captures but not used, or used only in part: counted, with file and line."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from lambda_src.shared.messages import readable

EXAMPLES = 20
"""How many of each kind keep their file and line."""

LONGEST_QUOTATION = 80
"""Characters of a file that a reason quotes."""

_logger = logging.getLogger(__name__)


class Kind(Enum):
    """Why; the value says it in words that follow a number."""

    UNREADABLE = "files, or parts of files, that cannot be read"
    NO_RECORD = "lines that are no capture record"
    WRONG_ENCODING = "records whose data is not in the encoding they declare"
    NO_PROBABILITIES = "records whose output is no list of probabilities"
    DUPLICATE = "repetitions of an event that was read before"
    CLASS_COUNT = "records with another number of probabilities than the others"
    FUTURE = "records with a time in the future"
    BASELINE = "measurements of the baseline, which are no traffic"
    NO_OUTPUT = "records without output"
    NO_INPUT = "records without input"
    NO_PICTURE = "records whose input is no picture"
    NO_TRUTH = "lines that are no ground truth"
    NOT_LABELLED = "rows of the ground truth that are not labelled yet"
    UNKNOWN_CLASS = "labels that name no class"
    CONTRADICTION = "pictures or records with contradictory labels"
    UNMATCHED = "labels that belong to no record"

    @property
    def kept(self) -> bool:
        """True where the record is used all the same, for what it does hold."""
        return self in (Kind.NO_OUTPUT, Kind.NO_INPUT, Kind.NO_PICTURE)


@dataclass(frozen=True, slots=True)
class Skip:
    """A line, or what it holds, that is not used."""

    file: str
    line: int
    """Counted from 1; 0 for a whole file."""
    reason: str
    kind: Kind


def shortened(text: str) -> str:
    """Return the text as a reason quotes it: its beginning, if it is long."""
    return text if len(text) <= LONGEST_QUOTATION else f"{text[:LONGEST_QUOTATION]}…"


def log(skip: Skip) -> None:
    """Warn of a skip through `logging`."""
    _logger.warning("skipped %s, line %d: %s", skip.file, skip.line, skip.reason)


@dataclass(frozen=True)
class Skips:
    """All that was not used, or only in part; empty kinds are absent."""

    counts: Mapping[Kind, int]
    first: Mapping[Kind, tuple[Skip, ...]]
    """The first `EXAMPLES` of each kind."""

    @property
    def left_out(self) -> int:
        """Number of skips that cost a line or a file."""
        return sum(count for kind, count in self.counts.items() if not kind.kept)

    def sentences(self) -> list[str]:
        """Return one line for each kind, to print: how many, and where and why the first."""
        said = []
        for kind, count in self.counts.items():
            first = self.first[kind][0]
            text = f"{count:,} {kind.value}; the first: {first.file}, line {first.line}: "
            # A key, an id or a label may hold what would move a terminal's cursor.
            said.append(readable(text + first.reason))
        return said


@dataclass
class Tally:
    """Collects skips in bounded memory: all are counted, the first of each kind kept."""

    counts: Counter[Kind] = field(default_factory=Counter)
    first: dict[Kind, list[Skip]] = field(default_factory=dict)

    def add(self, skip: Skip) -> None:
        """Count one."""
        self.counts[skip.kind] += 1
        examples = self.first.setdefault(skip.kind, [])
        if len(examples) < EXAMPLES:
            examples.append(skip)

    def add_all(self, skips: Skips) -> None:
        """Count what another tally counted."""
        self.counts.update(skips.counts)
        for kind, examples in skips.first.items():
            known = self.first.setdefault(kind, [])
            known.extend(examples[: EXAMPLES - len(known)])

    def skips(self) -> Skips:
        """What was counted so far, in the order of `Kind`."""
        kinds = [kind for kind in Kind if self.counts[kind]]
        return Skips(
            counts={kind: self.counts[kind] for kind in kinds},
            first={kind: tuple(self.first[kind]) for kind in kinds},
        )
