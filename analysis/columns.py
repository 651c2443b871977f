"""Columns of captures: what a data frame is made of, in as few bytes a record as it needs."""

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
from analysis.pictures import decode, fingerprint, is_picture
from analysis.samples import LeastConfident, Reservoir, Sample
from analysis.skips import EXAMPLES, Kind, Skip, Tally

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Columns:
    """Columns and samples of the captures that have the same number of probabilities."""

    def __init__(self, *, sample_size: int, seed: int, fingerprints: bool) -> None:
        """Args: as for `analysis.records.collect`."""
        self.event_ids: list[str] = []
        self.inference_ids: list[str | None] = []
        self.times = array("q")  # microseconds since 1970
        self.sources: dict[tuple[str | None, str | None], int] = {}  # endpoint, variant -> code
        self.source_codes = array("i")
        self.probabilities = array("d")  # one row after the other
        self.pictures = array("Q") if fingerprints else None  # 0: none
        self.first: list[tuple[str, int]] = []
        self.least_confident = LeastConfident(sample_size)
        self.random = Reservoir(sample_size, random.Random(seed))

    def __len__(self) -> int:
        """Number of captures."""
        return len(self.event_ids)

    def add(self, capture: Capture, tally: Tally) -> None:
        """Append a capture; `tally` is told if its picture was looked at and is damaged."""
        self.event_ids.append(capture.event_id)
        self.inference_ids.append(capture.inference_id)
        self.times.append((capture.time - _EPOCH) // _MICROSECOND)
        source = (capture.endpoint, capture.variant)
        self.source_codes.append(self.sources.setdefault(source, len(self.sources)))
        self.probabilities.extend(capture.probabilities or ())
        if len(self.first) < EXAMPLES:
            self.first.append((capture.file, capture.line))
        try:
            self._look(capture)
        except ValueError as error:
            tally.add(Skip(capture.file, capture.line, str(error), Kind.NO_PICTURE))

    def _look(self, capture: Capture) -> None:
        picture = None if capture.input is None else capture.input.content
        if picture is not None and not is_picture(picture):
            picture = None
        if self.pictures is not None:
            self.pictures.append(0)
            if picture is not None:
                self.pictures[-1] = fingerprint(picture)
        if picture is not None and capture.probabilities is not None:
            self._sample(capture, picture, max(capture.probabilities))

    def _sample(self, capture: Capture, picture: bytes, confidence: float) -> None:
        place = self.random.place()
        lowest = self.least_confident.wants(confidence)
        if place is None and not lowest:
            return
        decode(picture)
        sample = Sample.of(capture)
        if place is not None:
            self.random.keep(place, sample)
        if lowest:
            self.least_confident.add(sample)


def frame_of(*groups: Columns, number: int) -> pd.DataFrame:
    """One data frame of several groups, in order of time; `number` is that of probabilities.

    A group whose captures have no probabilities gets missing ones. See `Records.frame`.
    """
    times = np.concatenate([np.asarray(each.times) for each in groups]).view("datetime64[us]")
    order = np.argsort(times, kind="stable")
    rows = np.concatenate([_rows(each, number) for each in groups])[order]
    silent = np.isnan(rows).any(axis=1) if number else np.ones(order.size, dtype=bool)
    columns: dict[str, Any] = {
        "event_id": _texts([each.event_ids for each in groups], order),
        "inference_id": _texts([each.inference_ids for each in groups], order),
        "time": pd.DatetimeIndex(times[order]).tz_localize("UTC"),
        "endpoint": _names(groups, 0, order),
        "variant": _names(groups, 1, order),
    }
    best = rows.argmax(axis=1) if number else np.zeros(order.size)
    columns["best_class"] = pd.arrays.IntegerArray(best.astype(np.int16), silent)
    columns["confidence"] = rows.max(axis=1) if number else np.full(order.size, np.nan)
    columns |= {f"p{position}": rows[:, position] for position in range(number)}
    fingerprints = [each.pictures for each in groups if each.pictures is not None]
    if fingerprints:
        values = np.concatenate([np.asarray(each) for each in fingerprints])[order]
        columns["picture"] = pd.arrays.IntegerArray(values, values == 0)
    # Nobody else holds these arrays, and a copy is a quarter of the memory at its peak.
    return pd.DataFrame(columns, copy=False)


def _rows(columns: Columns, number: int) -> NDArray[np.float64]:
    if not columns.probabilities:
        return np.full((len(columns), number), np.nan)
    return np.asarray(columns.probabilities).reshape(len(columns), number)


def _texts(lists: list[list[Any]], order: NDArray[np.intp]) -> pd.Series:
    texts = np.fromiter(chain.from_iterable(lists), dtype=object, count=order.size)
    return pd.Series(texts[order], dtype="str")


def _names(groups: Sequence[Columns], position: int, order: NDArray[np.intp]) -> pd.Categorical:
    # Few names for many records: codes are sorted, not names.
    names = pd.Index([source[position] for each in groups for source in each.sources], dtype="str")
    starts = np.cumsum([0, *(len(each.sources) for each in groups)])[:-1]
    codes = [
        np.asarray(each.source_codes) + start for each, start in zip(groups, starts, strict=True)
    ]
    categories = names.dropna().unique().sort_values()
    found = categories.get_indexer(names)
    return pd.Categorical.from_codes(found[np.concatenate(codes)[order]], categories)
