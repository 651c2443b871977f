"""Captured pictures: recognise, decode, compare and shrink them."""

import base64
import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.Image import Resampling
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

THUMBNAIL_SIDE = 192
"""Pixels of the longer side of a thumbnail; a little less if it is an enlarged one."""

# A picture of a megabyte can cause a hundred thousand warnings, each a line on the console.
warnings.filterwarnings("ignore", module=r"PIL\.")


def format_of(content: bytes) -> str | None:
    """Return Pillow's name of the format that `content` begins like; None without one."""
    found = (name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning))
    return next(found, None)


def decode(content: bytes, *, draft: int = 0) -> Image.Image:
    """Return the first picture in RGB, without alpha; raise ValueError if it cannot be decoded.

    Args:
        draft: pixels of both sides that are enough, which is faster for a large JPEG.
    """
    name = format_of(content)
    try:
        if name in _CHECKED:
            check(content, "it")
        with Image.open(io.BytesIO(content), formats=[name or ""]) as image:
            _require_size(image)
            if draft:
                image.draft("RGB", (draft, draft))
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
    """Return a picture of readable size, without metadata; None if it cannot be decoded.

    A small one shows its pixels enlarged (PNG), a larger one is reduced (JPEG, some 10 kB).
    """
    try:
        image = decode(content, draft=2 * THUMBNAIL_SIDE)
    except ValueError:
        return None
    image.info.clear()
    buffer = io.BytesIO()
    times = THUMBNAIL_SIDE // max(image.size)
    if times > 1:
        enlarged = image.resize((times * image.width, times * image.height), Resampling.NEAREST)
        enlarged.save(buffer, "PNG", optimize=True)
    else:
        image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def data_uri(picture: bytes) -> str:
    """Return a PNG or JPEG as the `src` of an image."""
    kind = (format_of(picture) or "").lower()
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
