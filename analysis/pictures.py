"""Captured pictures: are they pictures, and are two of them the same?"""

import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH

from analysis.skips import shortened
from lambda_src.shared.picture_format import MAX_PIXELS, check

_CHECKED = ("PNG", "JPEG")
"""What the workflow takes, and checks before it asks the endpoint."""

# How files of the formats begin that Pillow opens and endpoints for pictures take.
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}

# A picture of a megabyte can have a hundred thousand of them, each a line on the console.
warnings.filterwarnings("ignore", module=r"PIL\.")


def is_picture(content: bytes) -> bool:
    """True if `content` begins as a picture does; whether the rest is whole, `decode` tells."""
    return format_of(content) is not None


def format_of(content: bytes) -> str | None:
    """Return Pillow's name of the format that `content` begins as; None if it is no picture."""
    found = (name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning))
    return next(found, None)


def decode(content: bytes) -> Image.Image:
    """The picture in RGB, of an animation the first; alpha is dropped, not blended.

    Raises:
        ValueError: it cannot be decoded, or not in bounded time and memory.
    """
    name = format_of(content)
    try:
        if name in _CHECKED:
            check(content, "it")
        with Image.open(io.BytesIO(content), formats=[name or ""]) as image:
            _require_size(image)
            return image.convert("RGB")
    except UnidentifiedImageError as error:
        # Its message names an address in memory, another at each run.
        raise _refusal("damaged, or none of PNG, JPEG, GIF, BMP, WebP and TIFF") from error
    # Pillow promises no list of errors (SyntaxError, AssertionError, struct.error, ...): whatever
    # it stumbles over is the picture's fault.
    except Exception as error:
        raise _refusal(f"{type(error).__name__}: {error}") from error


def _require_size(image: Image.Image) -> None:
    # A TIFF can have tiles that are larger than itself.
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(TILEWIDTH, 0) * tags.get(TILELENGTH, 0)
    if max(image.width * image.height, tile) > MAX_PIXELS:
        raise ValueError(f"{image.width:,} x {image.height:,} pixels; allowed: {MAX_PIXELS:,}")


def _refusal(reason: str) -> ValueError:
    return ValueError(f"input cannot be decoded as a picture: {shortened(reason)}")


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
