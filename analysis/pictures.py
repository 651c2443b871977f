"""Captured pictures: recognise, decode, compare and shrink them."""

import base64
import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH

from lambda_src.shared.picture_format import MAX_PIXELS, check
from training.quotations import shortened

_CHECKED = ("PNG", "JPEG")
"""Formats that the workflow takes, and checks before it calls the endpoint."""

# The first bytes of the formats that Pillow opens and endpoints for pictures take.
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}

THUMBNAIL_PIXELS = 128
"""Longer side of a thumbnail."""

# A picture of a megabyte can cause a hundred thousand warnings, each a line on the console.
warnings.filterwarnings("ignore", module=r"PIL\.")


def format_of(content: bytes) -> str | None:
    """Return Pillow's name of the format that `content` begins like; None without one."""
    found = (name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning))
    return next(found, None)


def decode(content: bytes) -> Image.Image:
    """Return the first picture in RGB, without alpha; raise ValueError if it cannot be decoded."""
    name = format_of(content)
    try:
        if name in _CHECKED:
            check(content, "it")
        with Image.open(io.BytesIO(content), formats=[name or ""]) as image:
            _require_size(image)
            return image.convert("RGB")
    except UnidentifiedImageError as error:
        # Its message contains an address in memory, different at each run.
        raise _refusal("damaged, or not PNG, JPEG, GIF, BMP, WebP or TIFF") from error
    # Pillow documents no list of errors (SyntaxError, AssertionError, struct.error, ...), and any
    # of them is the picture's fault.
    except Exception as error:
        raise _refusal(f"{type(error).__name__}: {error}") from error


def _require_size(image: Image.Image) -> None:
    # The tiles of a TIFF can be larger than the picture.
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(TILEWIDTH, 0) * tags.get(TILELENGTH, 0)
    if max(image.width * image.height, tile) > MAX_PIXELS:
        raise ValueError(f"{image.width:,} x {image.height:,} pixels; allowed: {MAX_PIXELS:,}")


def _refusal(reason: str) -> ValueError:
    return ValueError(f"input cannot be decoded as a picture: {shortened(reason)}")


def fingerprint(content: bytes) -> int:
    """Return a positive 64-bit hash of size and RGB pixels, the same for every encoding.

    Two of a million different pictures have the same one with a probability of 3e-8.

    Raises:
        ValueError: it cannot be decoded.
    """
    picture = decode(content)
    digest = hashlib.blake2b(f"{picture.size}".encode(), digest_size=8)
    digest.update(picture.tobytes())
    return int.from_bytes(digest.digest(), "big") or 1


def thumbnail(content: bytes) -> bytes | None:
    """Return a small RGB PNG that contains nothing but pixels; None if it cannot be decoded."""
    try:
        image = decode(content)
    except ValueError:
        return None
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """Return a PNG as the `src` of an image."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
