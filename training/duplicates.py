"""Find pictures that look the same: encoded again, scaled, a little brighter, a little cropped.

A fingerprint holds the low frequencies of a picture's brightness, coarse shapes first, and the
colours of nine fields. Two pictures look the same if the frequencies point in nearly the same
direction and no field differs by more than a slight change of brightness makes.

Measured on 1,003 pictures with contrast (CIFAR-100's bicycles and motorcycles, scikit-learn's
digits, tiles of scikit-image's photographs, drawn discs): found were all copies encoded as JPEG of
quality 30 to 95, halved and enlarged, or 10% brighter or darker; all but 1 cropped by 1% on each
side; 87% cropped by 2% on two sides. Of pairs of different pictures, flagged were 1 of 719,400 of
CIFAR-100 (a copy, by eye), 11 of 1,613,706 of digits, 0 of 179,700 of tiles. Copies that are
mirrored or turned are not found.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_DISTANCE = 0.045
"""One less the cosine of the angle between the frequencies."""
MAX_COLOUR_DIFFERENCE = 30
"""Of 255, in each channel of each field; a picture that is 10% brighter differs by 26."""

_SIDE = 32
_FREQUENCIES = 8  # in each direction
_FIELDS = 3  # in each direction
_MIN_CONTRAST = 2.0  # below this standard deviation, of 255, only noise could be compared
_SAMPLED = 300  # pictures of a class
_MIN_SAMPLE = 100  # pairs
_SHARE_OF_TYPICAL = 1 / 12  # of the distance of two pictures of a class
_COMPARED_AT_ONCE = 250_000  # pairs
_ROUNDING = 1e-5  # of single precision

_SHAPE_BYTES = _FREQUENCIES**2 - 1  # without the mean
_FINGERPRINT_BYTES = _SHAPE_BYTES + 3 * _FIELDS**2

Look = tuple[str, bytes]
"""Class and fingerprint of a picture."""

Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.float32]


def _cosines() -> Floats:
    """Return the lowest rows of the discrete cosine transform's matrix."""
    frequency, place = np.mgrid[:_FREQUENCIES, :_SIDE]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE))
    matrix: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return matrix


_TRANSFORM = _cosines()
# 14 of 63 decide for nearly all pairs.
_COARSE = np.add(*np.mgrid[:_FREQUENCIES, :_FREQUENCIES]).ravel()[1:] <= 4
# Amplitudes fall with the frequency in photographs; without this, a few would decide alone.
_WEIGHTS = np.hypot(*np.mgrid[:_FREQUENCIES, :_FREQUENCIES])
_EXPONENT = 0.7


def fingerprint(picture: Image.Image) -> bytes:
    """Return 90 bytes that differ little for pictures that look the same."""
    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)
    shapes = np.zeros(_SHAPE_BYTES)
    if grey.std() >= _MIN_CONTRAST:
        weighted = (_WEIGHTS * (_TRANSFORM @ grey @ _TRANSFORM.T)).ravel()[1:]
        shapes = np.sign(weighted) * np.abs(weighted) ** _EXPONENT
        shapes *= 127 / np.abs(shapes).max()
    colours = picture.convert("RGB").resize((_FIELDS, _FIELDS), Image.Resampling.BOX)
    return shapes.round().astype(np.int8).tobytes() + colours.tobytes()


def near_duplicates(of: Sequence[Look], among: Sequence[Look]) -> list[tuple[int, int]]:
    """Return a pair for each picture `among` that looks like one `of` the others.

    It holds the position of the most similar one, and its own position; pairs are in the order of
    `among`. Flat pictures look like no other.
    """
    shapes, colours = _arrays([value for _, value in of])
    other_shapes, other_colours = _arrays([value for _, value in among])
    rows = max(1, _COMPARED_AT_ONCE // max(1, len(of)))
    least = _least_cosines(of, among)
    bounds, other_bounds = _bounds(shapes).T, _bounds(other_shapes)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(among), rows):
        possible = other_bounds[start : start + rows] @ bounds >= least - _ROUNDING
        one, other = np.divmod(np.flatnonzero(possible), len(of))
        one += start
        difference = np.abs(other_colours[one] - colours[other]).max(axis=1, initial=0)
        similar = difference <= MAX_COLOUR_DIFFERENCE
        one, other = one[similar], other[similar]
        cosines = np.einsum("ij,ij->i", other_shapes[one], shapes[other])
        alike = cosines >= least[other]
        one, other, cosines = one[alike], other[alike], cosines[alike]
        order = np.lexsort((-cosines, one))
        _, first = np.unique(one[order], return_index=True)
        best = order[first]
        pairs += zip(other[best].tolist(), one[best].tolist(), strict=True)
    return pairs


def _bounds(shapes: Shapes) -> Shapes:
    """Return few numbers for each shape; the product of two is at least the cosine of the shapes.

    By the Cauchy-Schwarz inequality, the fine frequencies of two add no more than the product of
    their lengths.
    """
    fine = np.linalg.norm(shapes[:, ~_COARSE], axis=1, keepdims=True)
    return np.hstack([shapes[:, _COARSE], fine])


def _least_cosines(of: Sequence[Look], among: Sequence[Look]) -> Shapes:
    """Return how similar a near duplicate of each picture `of` these is at least.

    All pictures of one product before one camera look alike; copies are much more alike than that.
    Each class is judged by itself, so that another class changes nothing.
    """
    classes: dict[str, list[bytes]] = {name: [] for name, _ in of}
    for name, value in (*of, *among):
        if name in classes:
            classes[name].append(value)
    limits = {name: _max_distance(fingerprints) for name, fingerprints in classes.items()}
    return np.array([1 - limits[name] for name, _ in of], np.float32)


def _max_distance(fingerprints: Sequence[bytes]) -> float:
    """Return the largest distance of near duplicates in a class."""
    shapes, _ = _arrays(fingerprints[:: len(fingerprints) // _SAMPLED + 1])
    cosines = (shapes @ shapes.T)[np.triu_indices(len(shapes), 1)]
    if cosines.size < _MIN_SAMPLE:
        return MAX_DISTANCE
    return min(MAX_DISTANCE, _SHARE_OF_TYPICAL * float(1 - np.median(cosines)))


def _arrays(fingerprints: Sequence[bytes]) -> tuple[Shapes, npt.NDArray[np.int16]]:
    """Return frequencies of length 1, or 0 for flat pictures, and colours; a row for each."""
    values = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(-1, _FINGERPRINT_BYTES)
    shapes = values[:, :_SHAPE_BYTES].view(np.int8).astype(np.float32)
    lengths = np.linalg.norm(shapes, axis=1, keepdims=True)
    return shapes / np.maximum(lengths, 1), values[:, _SHAPE_BYTES:].astype(np.int16)
