"""Captured pictures: are they pictures, and are two of them the same?"""

import hashlib
import io
import struct

from PIL import Image

# How files of the formats begin that Pillow opens and endpoints for pictures take.
_BEGINNINGS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"GIF8",
    b"BM",
    b"RIFF",  # WebP
    b"II*\x00",  # TIFF
    b"MM\x00*",
)


def is_picture(content: bytes) -> bool:
    """True if `content` begins as a picture does; whether the rest is whole, `decode` tells."""
    return content.startswith(_BEGINNINGS)


def decode(content: bytes) -> Image.Image:
    """The picture in RGB; alpha is dropped, not blended.

    Raises:
        ValueError: it cannot be decoded.
    """
    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise ValueError(f"input cannot be decoded as a picture: {error}") from error


def fingerprint(content: bytes) -> int:
    """64 bits of a hash of size and RGB pixels: equal for one picture however it is encoded.

    Above 0. By chance two of a million different pictures share one with probability 3e-8.

    Raises:
        ValueError: it cannot be decoded.
    """
    picture = decode(content)
    digest = hashlib.blake2b(f"{picture.size}".encode(), digest_size=8)
    digest.update(picture.tobytes())
    return int.from_bytes(digest.digest(), "big") or 1
