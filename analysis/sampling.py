"""Keep a bounded number of captured pictures from a stream of unknown length."""

import random
from bisect import insort
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from analysis.captures import Capture
from analysis.pictures import decode


@dataclass(frozen=True, slots=True)
class CapturedPicture:
    """A picture that was sent to the endpoint, and the model's answer."""

    event_id: str
    inference_id: str | None
    time: datetime
    best_class: int
    confidence: float
    content: bytes
    """As it was sent."""

    @classmethod
    def of(cls, capture: Capture) -> Self | None:
        """Return the picture of a capture; None without a picture or an answer."""
        content, answer = capture.picture, capture.probabilities
        if content is None or answer is None:
            return None
        confidence = max(answer)
        best = answer.index(confidence)
        return cls(capture.event_id, capture.inference_id, capture.time, best, confidence, content)


class LeastConfident:
    """Keep the `size` least confident pictures; of equal ones, the first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.pictures: list[CapturedPicture] = []  # least confident first

    def offer(self, picture: CapturedPicture) -> None:
        """Keep the picture if it is among the least confident; raise ValueError if damaged."""
        room = len(self.pictures) < self._size
        if room or (self.pictures and picture.confidence < self.pictures[-1].confidence):
            decode(picture.content)
            insort(self.pictures, picture, key=lambda each: each.confidence)
            del self.pictures[self._size :]


class Reservoir:
    """Keep `size` pictures, each of the stream with the same chance.

    Algorithm R, J. S. Vitter, "Random Sampling with a Reservoir", 1985.
    """

    def __init__(self, size: int, generator: random.Random) -> None:
        self._size = size
        self._generator = generator
        self._kept: list[CapturedPicture] = []
        self.offered = 0

    def offer(self, picture: CapturedPicture) -> None:
        """Keep the picture if chance chooses it; raise ValueError if it then cannot be decoded."""
        place = self.offered
        self.offered += 1
        if place >= self._size:
            place = self._generator.randrange(self.offered)
        if place < self._size:
            decode(picture.content)
            self._kept[place : place + 1] = [picture]

    @property
    def pictures(self) -> list[CapturedPicture]:
        """Return the kept pictures in order of time."""
        return sorted(self._kept, key=lambda picture: picture.time)
