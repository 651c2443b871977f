"""Pictures of all kinds, small and made by Pillow, or by hand where Pillow cannot."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8 | np.uint16]

SIDE = 32
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
"""Start and step, across and down, of all passes but the last, which is every other line.
https://www.w3.org/TR/png-3/#8Interlace"""

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
ORIENTATION = 0x0112  # of EXIF


class Accepted(NamedTuple):
    """A picture, and the pixels that the model is to see."""

    content: bytes
    rgb: Image.Image


class Refused(NamedTuple):
    """A file, and the name and a part of the cause with which it is refused."""

    content: bytes
    error: str
    cause: str


def photo(seed: int = 0) -> Image.Image:
    """Colours that change from side to side, with some noise."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:SIDE, :SIDE] * (255 / SIDE)
    colours = np.stack([row, column, 255 - row], axis=-1) + random.normal(0, 20, (SIDE, SIDE, 3))
    return Image.fromarray(colours.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(pixels: Pixels, *, interlaced: bool = False) -> bytes:
    """A PNG of pixels of shape (height, width, channels): 8 or 16 bits, as their type."""
    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(">"))
    header = struct.pack(
        ">IIBBBBB", *(width, height, 8 * data.itemsize), *(COLOUR_TYPES[channels], 0, 0, interlaced)
    )
    passes = _adam7(data) if interlaced else [data]
    lines = b"".join(b"\0" + line.tobytes() for part in passes for line in part)
    return _png_of(header, zlib.compress(lines))


def _png_of(header: bytes, data: bytes) -> bytes:
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _adam7(pixels: Pixels) -> Iterator[Pixels]:
    for left, top, across, down in ADAM7:
        yield pixels[top::down, left::across]
    yield pixels[1::2]


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG whose header says that it is so large."""
    return _png_of(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"")


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is so large."""
    content = encoded(photo(), "JPEG")
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


def jpeg_of_many_scans(more: int) -> bytes:
    """A progressive JPEG whose last scan is repeated so many times."""
    content = encoded(photo(), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * more + content[-2:]


def with_more_segments(content: bytes, more: int) -> bytes:
    """The PNG or JPEG with so many empty segments behind its beginning."""
    if content.startswith(b"\xff\xd8"):
        return content[:2] + b"\xff\xe0\0\2" * more + content[2:]
    end_of_header = 8 + 25
    return content[:end_of_header] + chunk(b"tEXt", b"") * more + content[end_of_header:]


def noise(bytes_wanted: int) -> bytes:
    """A PNG of so many bytes: of noise, which does not compress, and a comment to fill it up."""
    side = int((bytes_wanted / 3) ** 0.5) - 4
    random = np.random.default_rng(0)
    picture = png(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
    head, end = picture[:-12], picture[-12:]
    comment = b"Comment\0".ljust(bytes_wanted - len(picture) - 12, b"x")
    return head + chunk(b"tEXt", comment) + end


def accepted() -> dict[str, Accepted]:
    """Return pictures that the workflow takes; expected pixels are Pillow's, except 16-bit grey."""
    picture = photo()
    grey = picture.convert("L")
    alpha = Image.fromarray(np.asarray(grey).T.copy())
    see_through, grey_see_through = picture.copy(), grey.copy()
    see_through.putalpha(alpha)
    grey_see_through.putalpha(alpha)
    palette, more = picture.quantize(16), [photo(1), photo(2)]
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    deep = np.asarray(picture).astype(np.uint16) * 256 + 77
    deep_alpha = np.dstack([deep, np.asarray(alpha).astype(np.uint16) * 256])
    deep_grey = deep[..., :1]
    files = {
        "rgb.png": encoded(picture),
        "rgb.jpg": encoded(picture, "JPEG"),
        "grey.png": encoded(grey),
        "grey.jpg": encoded(grey, "JPEG"),
        "black and white.png": encoded(picture.convert("1")),
        "palette.png": encoded(palette),
        "palette with transparency.png": encoded(palette, transparency=3),
        "rgba.png": encoded(see_through),
        "grey with alpha.png": encoded(grey_see_through),
        "16 bits.png": png(deep),
        "16 bits with alpha.png": png(deep_alpha),
        "rotated by EXIF.jpg": encoded(picture, "JPEG", exif=turned),
        "animated.png": encoded(picture, save_all=True, append_images=more),
        "cmyk.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "progressive.jpg": encoded(picture, "JPEG", progressive=True),
        "interlaced.png": png(np.asarray(picture), interlaced=True),
        "with a preview behind.jpg": encoded(picture, "MPO", save_all=True, append_images=more[:1]),
        "with a film behind.jpg": encoded(picture, "JPEG") + b"\xff\0film" * 100,
    }
    shown = {name: Accepted(content, as_pillow_shows(content)) for name, content in files.items()}
    # Pillow cuts every value above 255 to white; OpenCV, below the real algorithm, keeps the
    # upper byte, as both do in colour.
    upper = Image.fromarray((deep_grey[..., 0] >> 8).astype(np.uint8)).convert("RGB")
    shown["16 bits grey.png"] = Accepted(png(deep_grey), upper)
    return shown


def as_pillow_shows(content: bytes) -> Image.Image:
    """The first picture of the file, as RGB."""
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB")


def refused() -> dict[str, Refused]:
    """Return pictures that the workflow refuses before it asks the endpoint."""
    picture = photo()
    whole_png, whole_jpeg = encoded(picture), encoded(picture, "JPEG")
    unsupported = "UnsupportedImageFormat"
    film = encoded(picture, "GIF", save_all=True, append_images=[photo(1)])
    svg = b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n<svg></svg>'
    without_header = whole_png[:8] + chunk(b"CgBI", b"") + whole_png[8:]
    segments, chunks = (with_more_segments(whole, 10_000) for whole in (whole_jpeg, whole_png))
    return {
        "empty": Refused(b"", "ImageEmpty", "0 bytes"),
        "note.txt": Refused(b"hello", "NotAnImage", "begins with b'hello'"),
        "picture.gif": Refused(encoded(picture, "GIF"), unsupported, "GIF"),
        "film.gif": Refused(film, unsupported, "GIF"),
        "picture.webp": Refused(encoded(picture, "WEBP"), unsupported, "WebP"),
        "picture.bmp": Refused(encoded(picture, "BMP"), unsupported, "BMP"),
        "picture.tiff": Refused(encoded(picture, "TIFF"), unsupported, "TIFF"),
        "picture.avif": Refused(b"\0\0\0\x20ftypavif" + bytes(50), unsupported, "AVIF"),
        "picture.heic": Refused(b"\0\0\0\x18ftypheic" + bytes(50), unsupported, "HEIC"),
        "plain.svg": Refused(b'<svg width="9"></svg>', unsupported, "SVG"),
        "picture.svg": Refused(svg, unsupported, "SVG"),
        "without IEND.png": Refused(whole_png[:-12], "ImageTruncated", "before its IEND"),
        "cut in a chunk.png": Refused(whole_png[:-100], "ImageTruncated", "chunk b'IDAT'"),
        "without EOI.jpg": Refused(whole_jpeg[:-2], "ImageTruncated", "end-of-image"),
        "cut in its header.jpg": Refused(whole_jpeg[:30], "ImageTruncated", "segment FF DB"),
        "without pixels.jpg": Refused(b"\xff\xd8\xff\xd9", "ImageDamaged", "without pixels"),
        "without IHDR.png": Refused(without_header, "ImageDamaged", "CgBI"),
        "0 wide.png": Refused(png_that_claims(0, 9), "ImageDamaged", "0 x 9 pixels"),
        "bomb.png": Refused(png_that_claims(60_000, 50_000), "TooManyPixels", "60,000 x 50,000"),
        "bomb.jpg": Refused(jpeg_that_claims(65_000, 64_000), "TooManyPixels", "65,000 x 64,000"),
        "slow.jpg": Refused(jpeg_of_many_scans(100), "TooManyScans", "more than 100 scans"),
        "many segments.jpg": Refused(segments, "TooManySegments", "more than 10,000 segments"),
        "many chunks.png": Refused(chunks, "TooManySegments", "more than 10,000 chunks"),
    }
