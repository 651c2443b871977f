"""Bounded samples of captured pictures, taken from a stream of unknown length."""

import heapq
import random
from dataclasses import dataclass
from datetime import datetime

from analysis.captures import Capture


@dataclass(frozen=True)
class Sample:
    """One captured picture and what the model said of it."""

    event_id: str
    inference_id: str | None
    time: datetime
    best_class: int
    confidence: float
    picture: bytes
    """As it was sent to the endpoint."""
    content_type: str | None

    @classmethod
    def of(cls, capture: Capture) -> "Sample":
        """What a capture with input and output holds.

        Raises:
            ValueError: input or output is missing.
        """
        if capture.input is None or capture.probabilities is None:
            raise ValueError(f"event {capture.event_id} lacks input or output")
        confidence = max(capture.probabilities)
        return cls(
            event_id=capture.event_id,
            inference_id=capture.inference_id,
            time=capture.time,
            best_class=capture.probabilities.index(confidence),
            confidence=confidence,
            picture=capture.input.content,
            content_type=capture.input.content_type,
        )


class LeastConfident:
    """Keeps the `size` least confident samples; of equal ones, the first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._count = 0
        self._heap: list[tuple[float, int, Sample]] = []  # the most confident on top

    def wants(self, confidence: float) -> bool:
        """True if a sample of this confidence would be kept."""
        return len(self._heap) < self._size or (self._size > 0 and confidence < -self._heap[0][0])

    def add(self, sample: Sample) -> None:
        """Keep a wanted sample, in place of the most confident one if there are enough."""
        self._count += 1
        entry = (-sample.confidence, -self._count, sample)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)

    def samples(self) -> tuple[Sample, ...]:
        """Least confident first."""
        return tuple(sample for _, _, sample in sorted(self._heap, reverse=True))


class Reservoir:
    """Keeps `size` samples of a stream of unknown length, each with the same chance.

    Algorithm R, J. S. Vitter, "Random Sampling with a Reservoir", 1985.
    """

    def __init__(self, size: int, generator: random.Random) -> None:
        self._size = size
        self._generator = generator
        self._kept: list[Sample] = []
        self.offered = 0

    def place(self) -> int | None:
        """Where to keep the next of the stream, or None if it is not chosen."""
        self.offered += 1
        if self.offered <= self._size:
            return self.offered - 1
        place = self._generator.randrange(self.offered)
        return place if place < self._size else None

    def keep(self, place: int, sample: Sample) -> None:
        """Keep a chosen sample."""
        self._kept[place : place + 1] = [sample]

    def samples(self) -> tuple[Sample, ...]:
        """In order of time."""
        return tuple(sorted(self._kept, key=lambda sample: sample.time))
