"""Draw stand-ins in CIFAR-100's form, for machines without network or archive.

They are side views of vehicles that vary in shape, place, size, tilt, colours, background,
occlusion and blur. Some two-wheelers are between bicycle and motorcycle, so that a classifier is as
unsure of them as of some real pictures. The pictures are the same on any machine: only uniform
random numbers and integer image operations are used.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.cifar.cifar100 import ROW_BYTES, SIDE, Cifar100, Split
from training.errors import StagingError

TRAIN_PER_CLASS = 500
VALIDATION_PER_CLASS = 100
SEED = 100

Colour = tuple[int, int, int]
Point = tuple[float, float]
Range = tuple[float, float]

# Drawing larger and reducing smooths the edges.
_ZOOM = 4
_CANVAS = SIDE * _ZOOM
_AMBIGUOUS_SHARE = 0.12


def draw(
    classes: Sequence[str],
    *,
    train_per_class: int = TRAIN_PER_CLASS,
    validation_per_class: int = VALIDATION_PER_CLASS,
) -> Cifar100:
    """Draw both splits, by default of CIFAR-100's size; raise StagingError for other classes."""
    for name in classes:
        if name not in _VEHICLES:
            raise StagingError(
                f"dataset.classes: {name!r} cannot be drawn; drawable: {', '.join(_VEHICLES)}; "
                "use the real pictures, or change the classes in the settings"
            )
    return Cifar100(
        class_names=tuple(classes),
        train=_split(classes, "train", train_per_class),
        test=_split(classes, "test", validation_per_class),
    )


def _split(classes: Sequence[str], split: str, per_class: int) -> Split:
    order = [(number, name) for number in range(per_class) for name in classes]
    rows = [
        np.asarray(_picture(name, split, number)).transpose(2, 0, 1).reshape(ROW_BYTES)
        for number, name in order
    ]
    return Split(
        rows=np.stack(rows),
        labels=tuple(classes.index(name) for _, name in order),
        file_names=tuple(f"drawn_{name}_{number:06}.png" for number, name in order),
        numbers=tuple(range(len(rows))),
    )


class _Pen:
    """Draws in the vehicle's own coordinates: rear hub at x = 0, front hub near 1, ground y = 0."""

    def __init__(self, image: Image.Image, rng: np.random.Generator) -> None:
        self._draw = ImageDraw.Draw(image)
        self._scale = _CANVAS * rng.uniform(0.38, 0.54)
        self._angle = rng.uniform(-0.16, 0.16)
        self._mirror = rng.choice((-1, 1))
        # Seen more or less from the side.
        self._stretch = rng.uniform(0.82, 1.05)
        self._centre = _CANVAS * rng.uniform(0.44, 0.56), _CANVAS * rng.uniform(0.46, 0.58)

    def _place(self, point: Point) -> Point:
        x = (point[0] - 0.5) * self._stretch * self._mirror
        y = 0.45 - point[1]  # Pillow counts lines downwards.
        sine, cosine = math.sin(self._angle), math.cos(self._angle)
        return (
            self._centre[0] + self._scale * (x * cosine - y * sine),
            self._centre[1] + self._scale * (x * sine + y * cosine),
        )

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        pixels = max(1, round(width * self._scale))
        self._draw.line([self._place(point) for point in points], colour, pixels, joint="curve")

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([self._place(point) for point in points], colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        self.shape(_circle(centre, radius), colour)

    def ring(self, centre: Point, radius: float, colour: Colour, width: float) -> None:
        circle = _circle(centre, radius - width / 2)
        self.line([*circle, circle[0], circle[1]], colour, width)


def _circle(centre: Point, radius: float, corners: int = 28) -> list[Point]:
    turns = (2 * math.pi * corner / corners for corner in range(corners))
    return [(centre[0] + radius * math.cos(t), centre[1] + radius * math.sin(t)) for t in turns]


def _two_wheeler(pen: _Pen, rng: np.random.Generator, *, typical: Range, ambiguous: Range) -> None:
    """Draw a vehicle between the lightest bicycle (heft 0) and the heaviest motorcycle (heft 1)."""
    heft = rng.uniform(*(ambiguous if rng.random() < _AMBIGUOUS_SHARE else typical))
    radius = _between(0.34, 0.27, heft) * rng.uniform(0.94, 1.06)
    rear, front = (0.0, radius), (rng.uniform(0.94, 1.06), radius)
    head = (front[0] - _between(0.17, 0.27, heft), _between(0.82, 0.74, heft))
    saddle = (_between(0.27, 0.3, heft), _between(0.8, 0.58, heft))
    rubber, paint, metal = _dark(rng), _paint(rng), _grey(rng)
    for hub in (rear, front):
        if heft < 0.5:
            _spokes(pen, hub, radius, metal)
        else:
            pen.disc(hub, radius * 0.4, metal)
        pen.ring(hub, radius, rubber, width=_between(0.035, 0.12, heft))
    pen.line([front, head], paint if heft < 0.5 else metal, _between(0.035, 0.07, heft))
    _frame(pen, rear, head, saddle, paint, width=_between(0.04, 0.06, heft))
    if heft > 0.36:
        _engine_and_body(pen, rng, head=head, paint=paint, size=(heft - 0.2) / 0.8)
    seat_rear = (saddle[0] - _between(0.09, 0.26, heft), saddle[1] + 0.04)
    pen.line([seat_rear, (saddle[0] + 0.1, saddle[1] + 0.03)], rubber, _between(0.05, 0.1, heft))
    bar = (head[0] + rng.uniform(-0.08, 0.03), head[1] + _between(0.1, 0.14, heft))
    pen.line([head, bar, (bar[0] - 0.09, bar[1] + rng.uniform(-0.04, 0.03))], rubber, 0.04)


def _spokes(pen: _Pen, hub: Point, radius: float, colour: Colour) -> None:
    rim = _circle(hub, radius, corners=8)
    for one, opposite in zip(rim[:4], rim[4:], strict=True):
        pen.line([one, opposite], colour, 0.008)


def _frame(
    pen: _Pen, rear: Point, head: Point, saddle: Point, paint: Colour, *, width: float
) -> None:
    """Draw two triangles that share the tube below the saddle."""
    pedals = (0.42, rear[1] * 0.9)
    pen.line([rear, pedals, saddle, rear], paint, width)
    pen.line([pedals, (head[0] + 0.02, head[1] - 0.08), head], paint, width)
    pen.line([head, (saddle[0] + 0.02, saddle[1] - 0.06)], paint, width)
    pen.ring(pedals, 0.07, (60, 60, 60), 0.02)


def _engine_and_body(
    pen: _Pen, rng: np.random.Generator, *, head: Point, paint: Colour, size: float
) -> None:
    """Draw engine, tank, rear body and exhaust; `size` from 0 (a moped's) to 1."""
    half, low, high = _between(0.1, 0.22, size), 0.15, _between(0.36, 0.48, size)
    engine = [(-half, low), (half, low + 0.03), (half, high), (-half, high)]
    pen.shape([(0.48 + x, y) for x, y in engine], _dark(rng))
    pen.disc((0.48, (low + high) / 2), half * 0.5, _grey(rng))
    waist = _between(0.54, 0.42, size)
    top = [head, (head[0] - 0.14, head[1] + 0.05 * size), (0.4, 0.56)]
    pen.shape([*top, (0.42, waist), (head[0] - 0.02, waist + 0.04)], paint)
    tail = [(0.44, 0.58), (-0.26 * size, 0.64), (-0.05, 0.52), (0.44, waist)]
    pen.shape(tail, paint)
    if rng.random() < size - 0.3:
        nose = [(head[0] + 0.12, 0.54), (head[0] + 0.08, 0.88), (head[0] - 0.14, 0.68)]
        pen.shape([(head[0] - 0.18, 0.3), *nose], paint)
    exhaust = [(0.56, 0.2), (0.4, 0.13), (-0.16 * size, 0.2)]
    pen.line(exhaust, _grey(rng), 0.03 + 0.05 * size)
    pen.disc((head[0] + 0.07, head[1] + 0.02), 0.055, (235, 230, 190))


def _pickup_truck(pen: _Pen, rng: np.random.Generator) -> None:
    """Draw a cab in the middle, a bonnet in front, an open bed behind."""
    paint, rubber, metal = _paint(rng), _dark(rng), _grey(rng)
    deck, roof = rng.uniform(0.42, 0.52), rng.uniform(0.76, 0.86)
    back, front = rng.uniform(0.34, 0.44), rng.uniform(0.66, 0.76)
    bed = [(-0.25, 0.16), (-0.25, deck), (back, deck)]
    cab = [(back, roof), (front - 0.1, roof), (front + 0.04, deck + 0.04)]
    pen.shape([*bed, *cab, (1.2, deck - 0.03), (1.22, 0.16)], paint)
    window = [(back + 0.05, deck + 0.05), (back + 0.05, roof - 0.06), (front - 0.13, roof - 0.06)]
    pen.shape([*window, (front - 0.03, deck + 0.05)], (150, 180, 200))
    for x in (0.06, 0.94):
        pen.disc((x, 0.16), 0.17, rubber)
        pen.disc((x, 0.16), 0.08, metal)


_VEHICLES: dict[str, Callable[[_Pen, np.random.Generator], None]] = {
    "bicycle": partial(_two_wheeler, typical=(0.0, 0.28), ambiguous=(0.3, 0.54)),
    "motorcycle": partial(_two_wheeler, typical=(0.7, 1.0), ambiguous=(0.44, 0.68)),
    "pickup_truck": _pickup_truck,
}


def _picture(name: str, split: str, number: int) -> Image.Image:
    # This seed makes each picture independent of the others.
    rng = np.random.default_rng([SEED, list(_VEHICLES).index(name), int(split == "test"), number])
    image = _background(rng)
    _VEHICLES[name](_Pen(image, rng), rng)
    if rng.random() < 0.35:
        _occlude(image, rng)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 3.0)))
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(np.int16)
    amplitude = int(rng.integers(2, 13))
    noise = rng.integers(-amplitude, amplitude + 1, size=small.shape)
    brightness = int(rng.integers(-20, 21))
    return Image.fromarray(np.clip(small + noise + brightness, 0, 255).astype(np.uint8))


def _background(rng: np.random.Generator) -> Image.Image:
    """Draw white, as in many real pictures, or sky above ground, with some clutter."""
    if rng.random() < 0.35:
        return Image.new("RGB", (_CANVAS, _CANVAS), (int(rng.integers(225, 256)),) * 3)
    top, bottom = np.array(_muted(rng)), np.array(_muted(rng))
    line = np.arange(_CANVAS).reshape(-1, 1, 1)
    gradient = (top * (_CANVAS - line) + bottom * line) // _CANVAS
    image = Image.fromarray(np.repeat(gradient.astype(np.uint8), _CANVAS, axis=1))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 5))):
        left, upper = (int(value) for value in rng.integers(-20, _CANVAS, size=2))
        wide, high = (int(value) for value in rng.integers(8, 60, size=2))
        draw.rectangle((left, upper, left + wide, upper + high), _muted(rng))
    horizon = int(rng.integers(_CANVAS // 2, _CANVAS))
    draw.rectangle((0, horizon, _CANVAS, _CANVAS), _muted(rng))
    return image


def _occlude(image: Image.Image, rng: np.random.Generator) -> None:
    """Draw a post or a bush in front of the vehicle."""
    draw = ImageDraw.Draw(image)
    left = int(rng.integers(0, _CANVAS))
    if rng.random() < 0.5:
        draw.rectangle((left, 0, left + int(rng.integers(4, 16)), _CANVAS), _muted(rng))
    else:
        size, upper = (int(value) for value in rng.integers(_CANVAS // 4, _CANVAS // 2, size=2))
        draw.ellipse((left - size, upper + size, left, upper + 3 * size), _muted(rng))


def _between(light: float, heavy: float, heft: float) -> float:
    return light + (heavy - light) * heft


def _colour(rng: np.random.Generator, *, low: int, high: int, tint: int) -> Colour:
    """Return a grey between `low` and `high`, each channel moved by up to `tint`."""
    grey = int(rng.integers(low, high))
    red, green, blue = (int(value) for value in rng.integers(-tint, tint + 1, size=3))
    return _clipped(grey + red), _clipped(grey + green), _clipped(grey + blue)


def _clipped(value: int) -> int:
    return min(max(value, 0), 255)


_dark = partial(_colour, low=10, high=60, tint=10)
_grey = partial(_colour, low=110, high=200, tint=0)
_muted = partial(_colour, low=90, high=215, tint=35)
_paint = partial(_colour, low=30, high=170, tint=100)
