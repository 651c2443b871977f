"""Pictures that show how the endpoint decodes them."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

TURNED = 6
"""EXIF orientation: to be shown turned by a quarter."""
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Comparison:
    """One picture in three forms."""

    one: bytes
    same_if_assumed: bytes
    """What the model sees as the same picture if the assumption holds."""
    same_if_not: bytes
    """What it would see instead."""


def undecodable() -> bytes:
    """Return a PNG with all its parts, whose compressed data has no pixels."""
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", b"these are no pixels"), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def turned(content: bytes) -> Comparison:
    """Return a JPEG without and with an orientation, and one that is really turned."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = TURNED
    return Comparison(
        _file(image, "JPEG", quality=95),
        _file(image, "JPEG", quality=95, exif=exif),
        _file(image.transpose(Image.Transpose.ROTATE_270), "JPEG", quality=95),
    )


def transparent(content: bytes) -> Comparison:
    """Return a picture, the same behind transparency, and the same blended with black."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    width, height = image.size
    mask = Image.new("L", image.size, 255)
    mask.paste(0, (0, 0, width // 2, height))
    layered = image.copy()
    layered.putalpha(mask)
    return Comparison(
        _file(image),
        _file(layered),
        _file(Image.composite(image, Image.new("RGB", image.size), mask)),
    )


def sixteen_bit(content: bytes) -> Comparison:
    """Return a grey picture, the same in 16 bits, and the lower 8 of these."""
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=np.uint16)
    lower = np.random.default_rng(0).integers(0, 256, grey.shape, dtype=np.uint16)
    return Comparison(
        _file(Image.fromarray(grey.astype(np.uint8))),
        _file(Image.fromarray(grey * 256 + lower)),
        _file(Image.fromarray(lower.astype(np.uint8))),
    )


def _file(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
