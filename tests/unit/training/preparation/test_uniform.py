import contextlib
import io
import struct
import time
import warnings
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from lambda_src.shared.picture_format import MAX_SCANS
from tests import odd_pictures
from tests.odd_pictures import ORIENTATION, Pixels, chunk, encoded, png
from training.errors import PictureRefusedError
from training.preparation import uniform
from training.preparation.uniform import make_uniform

SIDE = 16
WIDTH, HEIGHT = 96, 64

Colour = tuple[int, int, int]
Corners = tuple[Colour, Colour, Colour, Colour]

RED, GREEN, BLUE, WHITE = (254, 0, 0), (0, 254, 0), (0, 0, 254), (254, 254, 254)
CORNERS: Corners = (RED, GREEN, BLUE, WHITE)
"""Top left, top right, bottom left, bottom right."""
GREYS: Corners = ((10,) * 3, (90,) * 3, (170,) * 3, (250,) * 3)
BLACK_AND_WHITE: Corners = ((0,) * 3, (255,) * 3, (255,) * 3, (0,) * 3)
TOLERANCE = 6  # of JPEG and WebP


class Case(NamedTuple):
    content: bytes
    mode: str
    notes: tuple[str, ...] = ()
    corners: Corners = CORNERS
    size: tuple[int, int] = (WIDTH, HEIGHT)


def drawn(corners: Corners = CORNERS, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A picture whose quarters have these colours."""
    quarters = np.array(corners, np.uint8).reshape(2, 2, 3)
    return Image.fromarray(quarters.repeat(height // 2, 0).repeat(width // 2, 1))


def corners_of(content: bytes, side: int = SIDE) -> np.ndarray:
    """The colour of each quarter."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        assert (picture.mode, picture.size) == ("RGB", (side, side))
        pixels = np.asarray(picture)
    eighth = side // 8
    return pixels[eighth :: 6 * eighth, eighth :: 6 * eighth].reshape(4, 3).astype(int)


def turned(orientation: int) -> Case:
    """A JPEG that stands upright only as its EXIF says."""
    stored = {  # as https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf, 4.6.4
        2: (GREEN, RED, WHITE, BLUE),
        3: (WHITE, BLUE, GREEN, RED),
        4: (BLUE, WHITE, RED, GREEN),
        5: (RED, BLUE, GREEN, WHITE),
        6: (GREEN, WHITE, RED, BLUE),
        7: (WHITE, GREEN, BLUE, RED),
        8: (BLUE, RED, WHITE, GREEN),
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    size = (HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT)
    content = encoded(drawn(stored[orientation]), "JPEG", exif=exif, subsampling=0, quality=95)
    return Case(content, "RGB", ("rotated as EXIF says",), size=size)


def deep(corners: Corners) -> Pixels:
    """The picture in 16 bits whose lower half would show if they were kept."""
    return np.asarray(drawn(corners)).astype(np.uint16) * 256 + 255


def tiff_of_floats(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.float32)), "TIFF")


def tiff_of_12_bits(values: np.ndarray) -> bytes:
    """A grey picture of a machine's camera: three bytes for two pixels."""
    even, odd = values.reshape(len(values), -1, 2).transpose(2, 0, 1)
    triples = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=-1)
    content = encoded(Image.fromarray(triples.reshape(len(values), -1).astype(np.uint8)), "TIFF")
    width, bits = struct.pack("<HHI", 256, 4, 1), struct.pack("<HHI", 258, 3, 1)
    content = content.replace(width + b"\x90", width + b"\x60")  # 144 bytes, 96 pixels
    return content.replace(bits + b"\x08", bits + b"\x0c")


def kept() -> Mapping[str, Case]:
    picture, grey = drawn(), drawn(GREYS).convert("L")
    alpha = Image.linear_gradient("L").resize(picture.size)
    see_through, solid = picture.copy(), picture.copy()
    see_through.putalpha(alpha)
    solid.putalpha(255)
    grey_see_through = grey.copy()
    grey_see_through.putalpha(alpha)
    cmyk = picture.convert("CMYK")
    palette = picture.quantize(4)
    other = drawn((BLUE, BLUE, BLUE, BLUE))
    sixteen, transparent = ("upper 8 of 16 bits",), ("transparency dropped",)
    first, inks = ("first frame of several",), ("CMYK made RGB",)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    on_its_side = drawn((GREEN, WHITE, RED, BLUE))
    values = np.asarray(grey).astype(np.float64)
    good = {"subsampling": 0, "quality": 95}
    return {
        "rgb.png": Case(encoded(picture), "RGB"),
        "rgb.jpg": Case(encoded(picture, "JPEG", **good), "RGB"),
        "rgb.webp": Case(encoded(picture, "WEBP", quality=95), "RGB"),
        "rgb.bmp": Case(encoded(picture, "BMP"), "RGB"),
        "rgb.tiff": Case(encoded(picture, "TIFF"), "RGB"),
        "lzw.tiff": Case(encoded(picture, "TIFF", compression="tiff_lzw"), "RGB"),
        "rgb.gif": Case(encoded(palette, "GIF"), "P"),
        "large.jpg": Case(
            encoded(drawn(width=2000, height=1000), "JPEG", **good), "RGB", size=(2000, 1000)
        ),
        "progressive.jpg": Case(encoded(picture, "JPEG", progressive=True, **good), "RGB"),
        "interlaced.png": Case(png(np.asarray(picture), interlaced=True), "RGB"),
        "grey.png": Case(encoded(grey), "L", corners=GREYS),
        "grey.jpg": Case(encoded(grey, "JPEG", quality=95), "L", corners=GREYS),
        "black and white.png": Case(
            encoded(drawn(BLACK_AND_WHITE).convert("1")), "1", corners=BLACK_AND_WHITE
        ),
        "16 bits.png": Case(png(deep(CORNERS)), "RGB", sixteen),
        "16 bits grey.png": Case(png(deep(GREYS)[..., :1]), "I;16", sixteen, GREYS),
        "16 bits grey.tiff": Case(
            encoded(Image.fromarray(deep(GREYS)[..., 0]), "TIFF"), "I;16", sixteen, GREYS
        ),
        "12 bits grey.tiff": Case(
            tiff_of_12_bits(deep(GREYS)[..., 0] >> 4), "I;16", ("upper 8 of 12 bits",), GREYS
        ),
        "0 to 1.tiff": Case(
            tiff_of_floats(values / 250), "F", ("values scaled to 8 bits",),
            ((10,) * 3, (91,) * 3, (173,) * 3, (255,) * 3),
        ),
        "0 to 255.tiff": Case(
            tiff_of_floats(values), "F", ("values scaled to 8 bits",), GREYS
        ),
        "32 bits.tiff": Case(
            encoded(Image.fromarray((values * 256).astype(np.int32)), "TIFF"), "I",
            ("values scaled to 8 bits",), GREYS,
        ),
        "rgba.png": Case(encoded(see_through), "RGBA", transparent),
        "rgba.webp": Case(
            encoded(see_through, "WEBP", lossless=True, exact=True), "RGBA", transparent
        ),
        "solid rgba.png": Case(encoded(solid), "RGBA"),
        "grey with alpha.png": Case(encoded(grey_see_through), "LA", transparent, GREYS),
        "black and transparent.png": Case(
            encoded(drawn(BLACK_AND_WHITE).convert("1"), transparency=0), "1", transparent,
            BLACK_AND_WHITE,
        ),
        "palette.png": Case(encoded(palette), "P"),
        "palette with transparency.png": Case(encoded(palette, transparency=1), "P", transparent),
        "palette with alphas.png": Case(
            encoded(palette, transparency=bytes([0, 99, 0, 200])), "P", transparent
        ),
        "palette with transparency.gif": Case(
            encoded(palette, "GIF", transparency=1), "P", transparent
        ),
        "cmyk.jpg": Case(encoded(cmyk, "JPEG", **good), "CMYK", inks),
        "cmyk.tiff": Case(encoded(cmyk, "TIFF"), "CMYK", inks),
        "lab.tiff": Case(
            encoded(Image.new("LAB", picture.size, (255, 128, 128)), "TIFF"), "LAB",
            corners=((255,) * 3,) * 4,
        ),
        "ycbcr.tiff": Case(encoded(picture.convert("YCbCr"), "TIFF"), "YCbCr"),
        "animated.gif": Case(
            encoded(palette, "GIF", save_all=True, append_images=[other]), "P", first
        ),
        "animated.png": Case(encoded(picture, save_all=True, append_images=[other]), "RGB", first),
        "animated.webp": Case(
            encoded(picture, "WEBP", save_all=True, append_images=[other], lossless=True),
            "RGBA", first,
        ),
        "pages.tiff": Case(
            encoded(picture, "TIFF", save_all=True, append_images=[other]), "RGB", first
        ),
        "with a preview behind.jpg": Case(
            encoded(picture, "MPO", save_all=True, append_images=[other], **good), "RGB"
        ),
        **{f"orientation {number}.jpg": turned(number) for number in range(2, 9)},
        "rotated.png": Case(
            encoded(on_its_side, exif=exif), "RGB", ("rotated as EXIF says",), size=(HEIGHT, WIDTH)
        ),
        "rotated.webp": Case(
            encoded(on_its_side, "WEBP", exif=exif, quality=95), "RGB", ("rotated as EXIF says",),
            size=(HEIGHT, WIDTH),
        ),
        "rotated.tiff": Case(
            encoded(on_its_side, "TIFF", tiffinfo={ORIENTATION: 6}), "RGB",
            ("rotated as EXIF says",), size=(HEIGHT, WIDTH),
        ),
        "damaged exif.jpg": Case(
            encoded(picture, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09nothing", **good), "RGB",
            ("damaged EXIF",),
        ),
        "no exif.jpg": Case(
            encoded(picture, "JPEG", exif=b"Exif\0\0nothing of the kind", **good), "RGB",
            ("damaged EXIF",),
        ),
        "unknown orientation.jpg": Case(
            encoded(picture, "JPEG", exif=unknown_orientation(), **good), "RGB"
        ),
        "thin.png": Case(encoded(drawn(width=2, height=5000)), "RGB", size=(2, 5000)),
    }  # fmt: skip


def unknown_orientation() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = 99
    return exif


KEPT = kept()


@pytest.mark.parametrize("name", KEPT)
def test_picture_is_kept_with_its_colours(name: str) -> None:
    case = KEPT[name]
    made = make_uniform(case.content, SIDE)
    assert np.abs(corners_of(made.png) - np.array(case.corners)).max() <= TOLERANCE
    assert (made.mode, (made.width, made.height), made.notes) == (case.mode, case.size, case.notes)
    suffix = name.rpartition(".")[2]
    assert made.format.lower() == {"jpg": "jpeg"}.get(suffix, suffix)


def test_side_is_as_asked_and_bytes_do_not_change() -> None:
    large = encoded(odd_pictures.photo().resize((900, 700)), "JPEG")
    made = make_uniform(large, 224)
    corners_of(made.png, 224)
    assert len(made.png) > 224 * 224 * 3
    assert make_uniform(large, 224) == made


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("PNG", {"icc_profile": b"profile" * 99}),
        ("PNG", {"transparency": RED}),
        ("PNG", {"dpi": (300, 300)}),
        ("TIFF", {"icc_profile": b"profile" * 99}),
        ("WEBP", {"icc_profile": b"profile" * 99, "lossless": True}),
    ],
)
def test_equal_pixels_become_equal_files(image_format: str, options: dict[str, Any]) -> None:
    made = make_uniform(encoded(drawn(), image_format, **options), SIDE)
    assert made.png == make_uniform(encoded(drawn()), SIDE).png


def bomb(kind: bytes, head: bytes) -> bytes:
    """A PNG whose chunk swells to 64 MB."""
    content = encoded(odd_pictures.photo())
    return content[:33] + chunk(kind, head + zlib.compress(bytes(64_000_000))) + content[33:]


def bmp_that_claims(width: int, height: int) -> bytes:
    content = encoded(odd_pictures.photo(), "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


def gif_that_claims(width: int, height: int) -> bytes:
    content = encoded(odd_pictures.photo(), "GIF")
    return content[:6] + struct.pack("<HH", width, height) + content[10:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"key,label\na.png,scone\n", "not a picture"),
        (b"\0" * 100, "not a picture"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC is not supported: save it as JPEG or PNG"),
        (b"\0\0\0\x20ftypavif" + bytes(50), "AVIF is not supported: save it as JPEG or PNG"),
        (b'<svg width="9"></svg>', "SVG is not supported: save it as JPEG or PNG"),
        (b"%PDF-1.7\n", "not a picture"),
        (encoded(odd_pictures.photo(), "WEBP")[:-9], "ends too early"),
        (b"GIF89a", "damaged GIF: its header cannot be read"),
        (odd_pictures.png_that_claims(0, 9), "declares 0 x 9 pixels: save it again"),
        (
            odd_pictures.png_that_claims(10_000, 10_001),
            "declares 10,000 x 10,001 pixels; at most 100,000,000 are decoded: scale the picture "
            "down",
        ),
        (
            bmp_that_claims(10_000, 10_001),
            "has 10,000 x 10,001 pixels; at most 100,000,000 are decoded: scale it down",
        ),
        (bmp_that_claims(60_000, 50_000), "has more than 100,000,000 pixels: scale it down"),
        (gif_that_claims(60_000, 50_000), "has more than 100,000,000 pixels: scale it down"),
        (
            odd_pictures.jpeg_of_many_scans(5000),
            f"JPEG of more than {MAX_SCANS} scans: save it again",
        ),
        (
            bomb(b"zTXt", b"Comment\0\0"),
            "a text or colour profile in it is too large: save it without",
        ),
        (
            bomb(b"iCCP", b"profile\0\0"),
            "a text or colour profile in it is too large: save it without",
        ),
        (
            encoded(drawn(), "TIFF", tiffinfo={0x00FE: 1}),
            "begins with a preview, as raw files of cameras do: save it as JPEG or PNG",
        ),
        (
            tiff_of_floats(np.full((8, 8), -2.5)),
            "pixels have values from -2.5 to -2.5: save it with 8 bits",
        ),
        (
            tiff_of_floats(np.full((8, 8), np.nan)),
            "pixels have values from nan to nan: save it with 8 bits",
        ),
    ],
)  # fmt: skip
def test_file_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(PictureRefusedError) as refusal:
        make_uniform(content, SIDE)
    assert str(refusal.value) == reason


def test_too_large_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uniform, "MAX_BYTES", 9)
    with pytest.raises(PictureRefusedError, match="file of 10 bytes; at most 9 are read"):
        make_uniform(bytes(10), SIDE)


def test_slow_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uniform, "MAX_SECONDS", 0.001)
    with pytest.raises(PictureRefusedError, match="seconds to decode"):
        make_uniform(encoded(Image.new("L", (6000, 6000), 99), compress_level=1), SIDE)


def test_time_is_limited_even_if_an_error_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def swallow_and_go_on(*_: object, **__: object) -> None:
        end = time.process_time() + 2
        for _attempt in range(2):
            with contextlib.suppress(BaseException):  # as Python does in a finalizer
                while time.process_time() < end:
                    pass
        while time.process_time() < end:
            pass

    monkeypatch.setattr(uniform, "MAX_SECONDS", 0.02)
    monkeypatch.setattr(Image, "open", swallow_and_go_on)
    with pytest.raises(PictureRefusedError, match="seconds to decode"):
        make_uniform(odd_pictures.noise(100), SIDE)


TRUNCATED = {
    "jpeg": encoded(odd_pictures.photo(), "JPEG"),
    "progressive jpeg": encoded(odd_pictures.photo(), "JPEG", progressive=True),
    "png": encoded(odd_pictures.photo()),
    "interlaced png": png(np.asarray(odd_pictures.photo()), interlaced=True),
    "webp": encoded(odd_pictures.photo(), "WEBP"),
    "bmp": encoded(odd_pictures.photo(), "BMP"),
    "tiff": encoded(odd_pictures.photo(), "TIFF"),
    "packbits tiff": encoded(odd_pictures.photo(), "TIFF", compression="packbits"),
    "jpeg tiff": encoded(odd_pictures.photo(), "TIFF", compression="jpeg"),
    "gif": encoded(odd_pictures.photo(), "GIF"),
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated_picture_is_refused(name: str) -> None:
    whole = TRUNCATED[name]
    last = 3 if name == "gif" else 1  # without the end of a GIF, all its pixels are there
    for size in sorted({*range(1, len(whole), 97), len(whole) - last}):
        with pytest.raises(PictureRefusedError) as refusal:
            make_uniform(whole[:size], SIDE)
        assert "0x" not in str(refusal.value)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_with_too_few_rows_is_refused(channels: int, interlaced: bool) -> None:
    pixels = np.asarray(odd_pictures.photo().convert("RGBA"))[..., :channels]
    content = png(pixels, interlaced=interlaced)
    start, end = content.index(b"IDAT") + 4, content.index(b"IEND") - 8
    lines = zlib.decompress(content[start:end])
    short = zlib.compress(lines[: -3 * (1 + odd_pictures.SIDE * channels)])
    with pytest.raises(PictureRefusedError, match="ends too early"):
        make_uniform(content[: start - 8] + chunk(b"IDAT", short) + chunk(b"IEND", b""), SIDE)


def test_png_with_a_black_end_is_kept() -> None:
    black = (0, 0, 0)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        make_uniform(encoded(drawn((WHITE, WHITE, black, black)).convert(mode)), SIDE)


@pytest.mark.parametrize("name", KEPT)
def test_damaged_picture_is_kept_or_refused_but_nothing_else(name: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        content = bytearray(KEPT[name].content)
        for position in random.integers(0, min(len(content), 2000), 5):
            content[position] = random.integers(256)
        with contextlib.suppress(PictureRefusedError):
            make_uniform(bytes(content), SIDE)


def test_warnings_of_pillow_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_uniform(KEPT["palette with alphas.png"].content, SIDE)
        make_uniform(KEPT["damaged exif.jpg"].content, SIDE)
