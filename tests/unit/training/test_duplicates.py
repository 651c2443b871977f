import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from training.duplicates import MAX_DISTANCE, Look, fingerprint, near_duplicates

Resampling = Image.Resampling

SIDE = 160


def scene(seed: int) -> Image.Image:
    """A picture of random smooth patches and fine noise."""
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(patches.resize((SIDE, SIDE), Resampling.BICUBIC))
    noise = random.normal(0, 5, smooth.shape)
    return Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def brighter(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(factor)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    edge = SIDE * share
    box = (edge, edge, SIDE - edge, SIDE - edge)
    return picture.resize((SIDE, SIDE), Resampling.BILINEAR, box)


def halved(picture: Image.Image) -> Image.Image:
    half = picture.resize((SIDE // 2, SIDE // 2), Resampling.BILINEAR)
    return half.resize((SIDE, SIDE), Resampling.BILINEAR)


def look(picture: Image.Image, label: str = "scone") -> Look:
    return label, fingerprint(picture)


SCENES = [scene(seed) for seed in range(20)]
LOOKS = [look(picture) for picture in SCENES]
EACH_ITSELF = [(position, position) for position in range(len(SCENES))]


@pytest.mark.parametrize(
    "alter",
    [
        lambda picture: picture,
        lambda picture: jpeg(picture, 30),
        lambda picture: jpeg(picture, 95),
        halved,
        lambda picture: brighter(picture, 1.1),
        lambda picture: brighter(picture, 0.9),
        lambda picture: cropped(picture, 0.01),
        lambda picture: jpeg(cropped(brighter(picture, 1.05), 0.01), 60),
        lambda picture: picture.resize((32, 32), Resampling.BILINEAR),
    ],
)
def test_copies_are_found_and_nothing_else(alter: Callable[[Image.Image], Image.Image]) -> None:
    copies = [look(alter(picture)) for picture in SCENES]
    assert near_duplicates(LOOKS, copies) == EACH_ITSELF


@pytest.mark.parametrize(
    "alter",
    [
        lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda picture: picture.rotate(90),
        lambda picture: cropped(picture, 0.2),
        lambda picture: Image.merge("RGB", picture.split()[::-1]),
        lambda picture: brighter(picture, 0.5),
    ],
)
def test_what_looks_different_is_not_found(alter: Callable[[Image.Image], Image.Image]) -> None:
    assert near_duplicates(LOOKS, [look(alter(picture)) for picture in SCENES]) == []


def test_flat_pictures_look_like_no_other() -> None:
    random = np.random.default_rng(0)
    flat = [
        Image.fromarray((200 + random.normal(0, 3, (SIDE, SIDE, 3))).astype(np.uint8))
        for _ in range(3)
    ]
    looks = [look(picture) for picture in flat]
    assert near_duplicates(looks, looks) == []


def test_most_similar_one_is_named() -> None:
    of = [look(cropped(SCENES[0], 0.01)), LOOKS[1], LOOKS[0]]
    assert near_duplicates(of, [LOOKS[5], LOOKS[0]]) == [(2, 1)]


def products() -> list[Image.Image]:
    """Forty pictures of one object before one camera, not always in the same place."""
    random = np.random.default_rng(0)
    pictures = []
    for _ in range(40):
        left, top = random.uniform(0, 0.06, 2) * SIDE
        box = (left, top, left + 0.94 * SIDE, top + 0.94 * SIDE)
        pictures.append(SCENES[0].resize((SIDE, SIDE), Resampling.BILINEAR, box))
    return pictures


def test_pictures_of_one_product_are_not_copies() -> None:
    pictures = products()
    looks = [look(picture) for picture in (*pictures, jpeg(pictures[3], 50))]
    pairs = near_duplicates(looks[:20], looks[20:])
    assert (3, 20) in pairs
    assert len(pairs) < 15  # of 21


def test_pictures_of_another_class_change_nothing() -> None:
    plain = [look(picture, "plain") for picture in products()]
    raisins = [look(picture, "raisins") for picture in SCENES[1:]]
    alone = near_duplicates(plain[:20], plain[20:])
    assert near_duplicates(plain[:20] + raisins[:10], plain[20:] + raisins[10:]) == alone


def test_large_sets_are_compared_whole() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 256, (1200, len(LOOKS[0][1])), dtype=np.uint8)
    looks = [("scone", row.tobytes()) for row in rows]
    assert near_duplicates(looks, looks[::-1]) == [(1199 - i, i) for i in range(1200)]


def test_finds_what_a_comparison_of_all_numbers_finds() -> None:
    """The limit of the distance runs through the middle of these copies."""
    random = np.random.default_rng(0)
    shapes = random.normal(0, 30, (300, 63)).clip(-127, 127)
    changes = random.normal(0, 1, shapes.shape) * random.uniform(5, 13, (len(shapes), 1))
    rows = [
        each.round().clip(-127, 127).astype(np.int8).view(np.uint8)
        for each in (shapes, shapes + changes)
    ]
    colours = np.full((len(shapes), 27), 128, np.uint8)
    of, among = ([("scone", row.tobytes()) for row in np.hstack([each, colours])] for each in rows)

    vectors, others = (each.view(np.int8).astype(float) for each in rows)
    cosines = (vectors * others).sum(1) / np.linalg.norm(vectors, axis=1)
    alike = np.flatnonzero(cosines / np.linalg.norm(others, axis=1) >= 1 - MAX_DISTANCE)
    assert 50 < len(alike) < 250
    assert near_duplicates(of, among) == [(position, position) for position in alike.tolist()]


def test_nothing_is_like_nothing() -> None:
    assert near_duplicates([], LOOKS) == []
    assert near_duplicates(LOOKS, []) == []
