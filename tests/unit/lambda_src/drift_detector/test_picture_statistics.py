import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lambda_src.drift_detector.drift import SMALLEST_SHIFT
from lambda_src.drift_detector.picture_statistics import NotMeasuredError, measure
from tests import odd_pictures
from tests.odd_pictures import ORIENTATION, encoded, photo, png

RNG = np.random.default_rng(7)


def expected(picture: Image.Image) -> tuple[float, float, float]:
    """The three numbers by numpy, of a picture of up to 32 x 32 pixels."""
    luma = np.asarray(picture.convert("L")).astype(float)
    around = luma[2:, 1:-1] + luma[:-2, 1:-1] + luma[1:-1, 2:] + luma[1:-1, :-2]
    laplacian = around - 4 * luma[1:-1, 1:-1]
    steps = np.concatenate([np.diff(luma, axis=0).ravel(), np.diff(luma, axis=1).ravel()])
    sharpness = np.abs(laplacian).mean() / (1 + np.abs(steps).mean())
    return luma.mean(), luma.std(), sharpness


def noise(mode: str, width: int = 32, height: int = 32) -> Image.Image:
    shape = (height, width, len(mode)) if len(mode) > 1 else (height, width)
    return Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8))


def photograph(seed: int, width: int, height: int) -> Image.Image:
    """Discs of all sizes, with the noise of a sensor."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:height, :width]
    pixels = np.full((height, width, 3), 120, dtype=np.float32)
    for _ in range(40):
        x, y, radius = random.uniform(0, 1, 3) * (width, height, 0.2 * width)
        pixels[(column - x) ** 2 + (row - y) ** 2 < radius**2] = random.uniform(0, 255, 3)
    pixels += random.normal(0, 8, (height, width, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(32, 32), (3, 3), (31, 5)])
@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
def test_a_small_picture_is_measured_pixel_by_pixel(mode: str, size: tuple[int, int]) -> None:
    picture = noise(mode, *size)
    opaque = picture.getchannel("L") if mode == "LA" else picture.convert("RGB")

    assert measure(encoded(picture)) == pytest.approx(expected(opaque), abs=1e-6)
    assert measure(encoded(picture), side=256) == measure(encoded(picture))


def test_baselines_that_exist_keep_their_meaning() -> None:
    measured = 123.916015625, 46.73041009743822, 2.993945212922337  # by earlier versions

    assert measure(encoded(photo())) == pytest.approx(measured)


def test_palettes_16_bits_and_black_and_white() -> None:
    palette = noise("RGB").quantize(256)
    grey = RNG.integers(0, 1 << 16, (32, 32, 1), dtype=np.uint16)
    upper_half = Image.fromarray((grey >> 8).astype(np.uint8).squeeze())
    black_and_white = noise("L").convert("1")

    for content, seen in (
        (encoded(palette, transparency=3), palette.convert("RGB")),
        (png(grey), upper_half),
        (encoded(black_and_white), black_and_white),
    ):
        assert measure(content) == pytest.approx(expected(seen), abs=1e-6)


def test_real_captured_pictures(real_captures: Path) -> None:
    records = [
        json.loads(line)
        for file in real_captures.glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    contents = [base64.b64decode(r["captureData"]["endpointInput"]["data"]) for r in records]

    assert len(contents) == 22
    for content in contents:
        with Image.open(io.BytesIO(content)) as picture:
            assert measure(content) == pytest.approx(expected(picture.convert("RGB")), abs=1e-6)


@pytest.mark.parametrize("side", [32, 40, 224])
def test_a_photograph_as_taken_smaller_and_as_staged_measure_nearly_the_same(side: int) -> None:
    taken = [photograph(seed, 900, 600) for seed in range(4)]
    half = [picture.resize((450, 300)) for picture in taken]
    staged = [picture.resize((side, side), Image.Resampling.BILINEAR) for picture in taken]

    measured = [
        np.mean([measure(encoded(each, kind), side=side) for each in pictures], axis=0)
        for pictures, kind in ((taken, "JPEG"), (half, "JPEG"), (staged, "PNG"))
    ]

    # No difference that is worth a message.
    worth = [SMALLEST_SHIFT[name] for name in ("brightness", "contrast", "sharpness")]
    for each in measured[1:]:
        assert (abs(each - measured[0]) < np.array(worth) / 2).all(), measured


def test_a_jpeg_of_four_inks_measures_like_its_colours() -> None:
    picture = photograph(0, 300, 200)

    inks = measure(encoded(picture.convert("CMYK"), "JPEG", quality=95))

    assert inks == pytest.approx(measure(encoded(picture)), rel=0.02)


def test_blur_takes_sharpness_at_any_size_and_darkness_hardly_any() -> None:
    taken = photograph(0, 900, 600)
    sharp = measure(encoded(taken, "JPEG"))
    blurred = measure(encoded(taken.filter(ImageFilter.GaussianBlur(25)), "JPEG"))
    dark = measure(encoded(taken.point(lambda value: int(0.6 * value)), "JPEG"))

    assert blurred.sharpness < 0.8 * sharp.sharpness
    assert dark.sharpness == pytest.approx(sharp.sharpness, rel=0.1)
    assert dark.brightness == pytest.approx(0.6 * sharp.brightness, rel=0.02)


def test_plain_pictures_have_no_contrast_and_no_sharpness() -> None:
    assert measure(encoded(Image.new("RGB", (200, 100), "white"))) == (255, 0, 0)
    assert measure(encoded(Image.new("L", (32, 32), 0), "JPEG")) == (0, 0, 0)


def test_orientation_is_ignored_as_the_endpoint_ignores_it() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    assert measure(encoded(photo(), "JPEG", exif=exif)) == measure(encoded(photo(), "JPEG"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ImageEmpty"),
        (b"0,1,0,1,1,1", "NotAnImage"),
        (encoded(photo(), "GIF"), "UnsupportedImageFormat: it is a GIF"),
        (encoded(photo())[:-30], "ImageTruncated"),
        (encoded(photo(), "JPEG")[:-30], "ImageTruncated"),
        (encoded(photo()).replace(b"IDAT", b"IDAX"), "damaged PNG or JPEG"),
        (odd_pictures.png_that_claims(5_001, 5_000), "TooManyPixels"),
        (odd_pictures.png_that_claims(2**31 - 1, 2**31 - 1), "TooManyPixels"),
        (odd_pictures.jpeg_that_claims(60_000, 60_000), "TooManyPixels"),
        (odd_pictures.jpeg_of_many_scans(200), "TooManyScans"),
        (odd_pictures.with_more_segments(encoded(photo()), 20_000), "TooManySegments"),
        (encoded(photo().resize((2, 32))), "ValueError: 2 x 32 pixels, at least 3"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_anything_else_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(NotMeasuredError, match=f"^({reason})"):
        measure(content)
