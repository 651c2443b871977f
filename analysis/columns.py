"""The columns of a data frame of captures, in few bytes per record."""

import random
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.captures import Capture
from analysis.pictures import fingerprint
from analysis.sampling import CapturedPicture, LeastConfident, Reservoir
from analysis.skipped_lines import EXAMPLES, Kind, SkippedLine, SkippedLines

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Source = tuple[str | None, str | None]


class Columns:
    """Columns and sampled pictures of the captures with the same number of probabilities."""

    def __init__(
        self, sources: dict[Source, int], *, sample_size: int, seed: int, fingerprints: bool
    ) -> None:
        """Make empty columns; all of a report share `sources`, codes by endpoint and variant."""
        self.event_ids: list[str] = []
        self.inference_ids: list[str | None] = []
        self.times = array("q")  # microseconds since 1970
        self.sources = sources
        self.source_codes = array("i")
        self.probabilities = array("d")  # one row after the other
        self.fingerprints = array("Q") if fingerprints else None  # 0: no picture
        self.first: list[tuple[str, int]] = []
        self.least_confident = LeastConfident(sample_size)
        self.random = Reservoir(sample_size, random.Random(seed))

    def __len__(self) -> int:
        """Return the number of captures."""
        return len(self.event_ids)

    def add(self, capture: Capture, skipped: SkippedLines) -> None:
        """Append a capture; add it to `skipped` if its picture was decoded and is damaged."""
        self.event_ids.append(capture.event_id)
        self.inference_ids.append(capture.inference_id)
        self.times.append((capture.time - _EPOCH) // _MICROSECOND)
        source = (capture.endpoint, capture.variant)
        self.source_codes.append(self.sources.setdefault(source, len(self.sources)))
        self.probabilities.extend(capture.probabilities or ())
        if len(self.first) < EXAMPLES:
            self.first.append((capture.file, capture.line))
        try:
            self._add_picture(capture)
        except ValueError as error:
            skipped.add(SkippedLine(capture.file, capture.line, str(error), Kind.NO_PICTURE))

    def _add_picture(self, capture: Capture) -> None:
        if self.fingerprints is not None:
            self.fingerprints.append(0)
            if content := capture.picture:
                self.fingerprints[-1] = fingerprint(content)
        if picture := CapturedPicture.of(capture):
            self.random.offer(picture)
            self.least_confident.offer(picture)


def frame_of(*groups: Columns, number: int) -> pd.DataFrame:
    """Return `Records.frame` of several groups; `number` is that of the probabilities.

    Captures without probabilities get missing ones.
    """
    times = np.concatenate([np.asarray(each.times) for each in groups]).view("datetime64[us]")
    order = np.argsort(times, kind="stable")
    rows = np.concatenate([_rows(each, number) for each in groups])[order]
    silent = np.isnan(rows).any(axis=1) if number else np.ones(order.size, dtype=bool)
    codes = np.concatenate([np.asarray(each.source_codes) for each in groups])[order]
    columns: dict[str, Any] = {
        "event_id": _texts([each.event_ids for each in groups], order),
        "inference_id": _texts([each.inference_ids for each in groups], order),
        "time": pd.DatetimeIndex(times[order]).tz_localize("UTC"),
        "endpoint": _names([endpoint for endpoint, _ in groups[0].sources], codes),
        "variant": _names([variant for _, variant in groups[0].sources], codes),
    }
    best = rows.argmax(axis=1) if number else np.zeros(order.size)
    columns["best_class"] = pd.arrays.IntegerArray(best.astype(np.int16), silent)
    columns["confidence"] = rows.max(axis=1) if number else np.full(order.size, np.nan)
    columns |= {f"p{position}": rows[:, position] for position in range(number)}
    fingerprints = [each.fingerprints for each in groups if each.fingerprints is not None]
    if fingerprints:
        values = np.concatenate([np.asarray(each) for each in fingerprints])[order]
        columns["fingerprint"] = pd.arrays.IntegerArray(values, values == 0)
    # A copy would be a quarter of the memory at its peak; nothing else holds these arrays.
    return pd.DataFrame(columns, copy=False)


def _rows(columns: Columns, number: int) -> NDArray[np.float64]:
    if not columns.probabilities:
        return np.full((len(columns), number), np.nan)
    return np.asarray(columns.probabilities).reshape(len(columns), number)


def _texts(lists: list[list[Any]], order: NDArray[np.intp]) -> pd.Series:
    texts = np.fromiter(chain.from_iterable(lists), dtype=object, count=order.size)
    return pd.Series(texts[order], dtype="str")


def _names(names: Sequence[str | None], codes: NDArray[np.int32]) -> pd.Categorical:
    # Codes are sorted, not names: there are few names for many records.
    index = pd.Index(names, dtype="str")
    categories = index.dropna().unique().sort_values()
    return pd.Categorical.from_codes(categories.get_indexer(index)[codes], categories)
