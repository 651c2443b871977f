import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lambda_src.drift_detector.picture_statistics import MAX_PIXELS, NotMeasuredError, measure

COLOUR_TYPES = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
RNG = np.random.default_rng(7)


def expected(content: bytes) -> tuple[float, float, float]:
    """By Pillow and numpy; luma of the pixels without their transparency."""
    with Image.open(io.BytesIO(content)) as picture:
        grey = picture.convert("LA").getchannel("L") if picture.mode == "LA" else picture
        colour = grey if grey.mode == "L" else grey.convert("RGB")
        luma = np.asarray(colour.convert("L")).astype(float)
    laplacian = (
        luma[2:, 1:-1] + luma[:-2, 1:-1] + luma[1:-1, 2:] + luma[1:-1, :-2] - 4 * luma[1:-1, 1:-1]
    )
    steps = np.concatenate([np.diff(luma, axis=0).ravel(), np.diff(luma, axis=1).ravel()])
    sharpness = np.abs(laplacian).mean() / (1 + np.abs(steps).mean())
    return luma.mean(), luma.std(), sharpness


def noise(mode: str, width: int = 32, height: int = 32) -> Image.Image:
    if mode == "P":
        rgb = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(rgb).quantize(256)
    channels = len(mode)
    pixels = RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze())


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def by_hand(lines: bytes, *, side: tuple[int, int] = (4, 4), kind: int = 2, **header: int) -> bytes:
    """A PNG of these filtered lines; `header` overrides bits, interlace ..."""
    fields = {"bits": 8, "kind": kind, "compression": 0, "filtering": 0, "interlace": 0, **header}
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *side, *fields.values())),
            chunk(b"IDAT", zlib.compress(lines)),
            chunk(b"IEND", b""),
        ]
    )


def filtered(pixels: NDArray[np.uint8], kinds: list[int]) -> bytes:
    """Lines of `pixels`, shape (height, width, channels), line i by filter `kinds[i]`."""
    height, width, channels = pixels.shape
    values = np.zeros((height + 1, width + 1, channels), dtype=int)
    values[1:, 1:] = pixels
    lines = []
    for row, kind in enumerate(kinds, start=1):
        now, left = values[row, 1:], values[row, :-1]
        up, corner = values[row - 1, 1:], values[row - 1, :-1]
        guess = left + up - corner
        distances = np.stack([abs(guess - left), abs(guess - up), abs(guess - corner)])
        paeth = np.take_along_axis(np.stack([left, up, corner]), distances.argmin(0)[None], 0)[0]
        predicted = [0 * now, left, up, (left + up) // 2, paeth][kind]
        lines.append(bytes([kind]) + ((now - predicted) % 256).astype(np.uint8).tobytes())
    return b"".join(lines)


@pytest.mark.parametrize("mode", COLOUR_TYPES)
@pytest.mark.parametrize("size", [(32, 32), (3, 3), (57, 5), (200, 100)])
def test_every_kind_of_picture_that_pillow_writes(mode: str, size: tuple[int, int]) -> None:
    picture = noise(mode, *size) if mode != "P" else noise(mode, 32, 32)
    content = png(picture)

    assert content[24:26] == bytes([8, COLOUR_TYPES[mode]])
    assert measure(content) == pytest.approx(expected(content), abs=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", range(5))
def test_every_row_filter(channels: int, kind: int) -> None:
    pixels = RNG.integers(0, 256, (9, 8, channels), dtype=np.uint8)
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    # The first line has nothing above it; the others have lines of the same and of other filters.
    kinds = [kind, kind, 0, kind, 1, kind, 4, kind, kind]

    content = by_hand(filtered(pixels, kinds), side=(8, 9), kind=colour_type)

    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(np.asarray(picture).reshape(pixels.shape), pixels)
    assert measure(content) == pytest.approx(expected(content), abs=1e-6)


def test_pixels_in_several_chunks_with_text_between_header_and_pixels() -> None:
    whole = png(noise("RGB"))
    start = whole.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", whole, start)
    data = whole[start + 8 : start + 8 + length]
    text = chunk(b"tEXt", b"Software\0Matplotlib")
    pieces = chunk(b"IDAT", data[:100]) + chunk(b"IDAT", b"") + chunk(b"IDAT", data[100:])

    cut = whole[:start] + text + pieces + chunk(b"IEND", b"")

    assert measure(cut) == measure(whole)


def test_plain_pictures_have_no_contrast_and_no_sharpness() -> None:
    assert measure(png(Image.new("RGB", (32, 32), (255, 255, 255)))) == (255.0, 0.0, 0.0)
    assert measure(png(Image.new("L", (32, 32), 0))) == (0.0, 0.0, 0.0)


def test_real_captured_pictures(real_captures: Path) -> None:
    records = [
        json.loads(line)
        for file in real_captures.glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    contents = [base64.b64decode(r["captureData"]["endpointInput"]["data"]) for r in records]

    assert len(contents) == 22
    for content in contents:
        assert measure(content) == pytest.approx(expected(content), abs=1e-6)


def jpeg() -> bytes:
    file = io.BytesIO()
    noise("RGB").save(file, "JPEG")
    return file.getvalue()


END = chunk(b"IEND", b"")
PIXELS = filtered(RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8), [0, 1, 2, 4])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "^nothing at its beginning; only PNG"),
        (b"0,1,0,1,1,1", "^30 2c 31 .* at its beginning; only PNG"),
        (jpeg(), "^JPEG; only PNG"),
        (by_hand(PIXELS, bits=16), "PNG of 16 bits a channel, colour type 2"),
        (by_hand(PIXELS, kind=5), "colour type 5"),
        (by_hand(PIXELS, interlace=1), r"interlace \[0, 0, 1\]"),
        (by_hand(PIXELS, compression=1), r"compression, filtering and interlace \[1, 0, 0\]"),
        (by_hand(PIXELS, side=(2, 4)), "PNG of 2 x 4 pixels"),
        (by_hand(PIXELS, side=(2**31 - 1, 2**31 - 1)), f"to {MAX_PIXELS:,} pixels"),
        (by_hand(PIXELS[:-1]), "51 bytes of pixels, its header says 52"),
        (by_hand(PIXELS + bytes(10**7)), "more bytes of pixels, its header says 52"),
        (by_hand(b"\x05" + PIXELS[1:]), "a line has filter 5"),
        (by_hand(PIXELS)[:-30], "it ends within a chunk b'IDAT' of"),
        (by_hand(PIXELS)[:10], "it ends before its IEND chunk"),
        (by_hand(PIXELS).replace(b"\x78\x9c", b"\x00\x00"), "damaged pixels"),
        (by_hand(PIXELS[:13] * 4, side=(12, 4), kind=3), "a colour that the palette lacks"),
        (by_hand(PIXELS).replace(END, chunk(b"PLTE", bytes(771)) + END), "palette has 771 bytes"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "its header has 0 bytes, expected 13"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"1") + END, "its header has 1 bytes, expected 13"),
    ],
)
def test_anything_else_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(NotMeasuredError, match=reason):
        measure(content)


def test_blur_takes_sharpness_and_darkness_hardly_any() -> None:
    pixels = np.asarray(noise("RGB").resize((64, 64), Image.Resampling.BICUBIC)).astype(float)
    sharp = measure(png(Image.fromarray(pixels.astype(np.uint8))))
    dark = measure(png(Image.fromarray((pixels * 0.6).astype(np.uint8))))
    smooth = (pixels[:-1, :-1] + pixels[1:, :-1] + pixels[:-1, 1:] + pixels[1:, 1:]) / 4
    blurred = measure(png(Image.fromarray(smooth.astype(np.uint8))))

    assert blurred.sharpness < 0.8 * sharp.sharpness
    assert dark.sharpness == pytest.approx(sharp.sharpness, rel=0.05)
    assert dark.brightness == pytest.approx(0.6 * sharp.brightness, rel=0.02)
