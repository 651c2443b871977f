"""Make any picture uniform: an 8-bit RGB square, as training and the endpoint see it.

Files come from anywhere, so they are decoded under limits of size, pixels and processor time, and
whatever Pillow raises is the file's fault. What no limit here covers: one call of a decoder or of
`resize` runs to its end, and a decoder may crash; callers run this in separate processes.
A JPEG whose compressed pixels are damaged in the middle is decoded with faults, as everywhere.
"""

import io
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, UnidentifiedImageError

from lambda_src.shared import picture_format
from training.duplicates import fingerprint
from training.errors import PictureRefusedError
from training.pictures import Uniform

MAX_BYTES = 100 * 1024 * 1024
MAX_PIXELS = 100_000_000
MAX_SECONDS = 30
"""Of the processor; a photograph of 24 megapixels takes about one."""

RULES = 5
"""Raise it when the same file becomes other pixels, a refusal, or another fingerprint."""

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF")

Resampling, Transpose = Image.Resampling, Image.Transpose

_SUBFILE_TYPE, _PREVIEW = 0x00FE, 1  # of TIFF
_ORIENTATION = 0x0112  # of EXIF
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)

# Pillow's name of how pixels are stored; "BGR;16" has 16 bits in all.
_DEEP = re.compile(r"\b(?:RGB|RGBA|RGBX|LA|I|CMYK);(12|16)")


def make_uniform(content: bytes, side: int) -> Uniform:
    """Decode a picture's file, turn it upright and squash it to `side` x `side` pixels.

    Colour profiles are ignored and transparency is dropped, as the endpoint does.

    Raises:
        PictureRefusedError: the file is no whole picture of one of `FORMATS`, or exceeds a limit.
    """
    _check_file(content)
    name = picture_format.format_name(content) or "picture"
    try:
        with _limited_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs below our limit, damaged tags
            return _decode(content, side)
    except PictureRefusedError:
        raise
    except _TimeUp:
        raise PictureRefusedError(
            f"takes more than {MAX_SECONDS} seconds to decode: save it again"
        ) from None
    except Image.DecompressionBombError as error:
        raise PictureRefusedError(f"has more than {MAX_PIXELS:,} pixels: scale it down") from error
    except UnidentifiedImageError as error:
        known = name in FORMATS
        raise PictureRefusedError(
            f"damaged {name}: its header cannot be read" if known else "not a picture"
        ) from error
    except MemoryError as error:
        raise PictureRefusedError("takes too much memory: save it again") from error
    # Pillow documents no list of what damaged files raise.
    except Exception as error:
        raise PictureRefusedError(_reason(name, str(error))) from error


def png_file(picture: Image.Image) -> bytes:
    """Return a PNG file without compression, and without a colour profile."""
    # Compressed bytes differ between builds of zlib, and so would the dataset's digest. Storing is
    # also faster.
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=0, icc_profile=None)
    return buffer.getvalue()


def check_size(size: int) -> None:
    """Raise PictureRefusedError if a file of so many bytes is not read."""
    if size > MAX_BYTES:
        raise PictureRefusedError(
            f"file of {size:,} bytes; at most {MAX_BYTES:,} are read: scale it down"
        )


def _check_file(content: bytes) -> None:
    """Refuse what needs no decoder to be refused."""
    if not content:
        raise PictureRefusedError("empty file")
    check_size(len(content))
    name = picture_format.format_name(content)
    if name in ("PNG", "JPEG"):
        try:
            picture_format.check(content, "it", max_pixels=MAX_PIXELS)
        except picture_format.ImageTruncated as error:
            raise PictureRefusedError("ends too early") from error
        except Exception as error:
            raise PictureRefusedError(re.sub(r"^it:? ", "", str(error))) from error
    elif name == "WebP" and len(content) < 8 + int.from_bytes(content[4:8], "little"):
        raise PictureRefusedError("ends too early")
    elif name and name not in FORMATS:
        raise PictureRefusedError(f"{name} is not supported: save it as JPEG or PNG")


def _decode(content: bytes, side: int) -> Uniform:
    with Image.open(io.BytesIO(content), formats=[name.upper() for name in FORMATS]) as picture:
        mode, (width, height) = picture.mode, picture.size
        if width * height > MAX_PIXELS:
            raise PictureRefusedError(
                f"has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are decoded: "
                "scale it down"
            )
        if getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE, 0) & _PREVIEW:
            raise PictureRefusedError(
                "begins with a preview, as raw files of cameras do: save it as JPEG or PNG"
            )
        # The JPEG of a phone with its preview behind it.
        image_format = "JPEG" if picture.format == "MPO" else str(picture.format)
        notes = []
        if image_format != "JPEG" and getattr(picture, "is_animated", False):
            notes.append("first frame of several")
        deep = _DEEP.search(str(picture.tile))
        bits = int(deep[1]) if deep else 16
        if deep:
            notes.append(f"upper 8 of {bits} bits")
        # Pillow itself turns a TIFF upright as it loads it, and forgets how it stood.
        turned_by_pillow = image_format == "TIFF"
        orientation = getattr(picture, "tag_v2", {}).get(_ORIENTATION, 1)
        picture.draft(None, (2 * side, 2 * side))  # decodes a larger JPEG at 1/2, 1/4 or 1/8
        picture.load()
        if picture.format == "PNG" and _lacks_rows(picture, content):
            raise PictureRefusedError("ends too early")
        if not turned_by_pillow:
            orientation = _orientation(picture, notes)
        rgb = _rgb(picture, bits, notes).resize((side, side), Resampling.BILINEAR)
    if orientation in _UPRIGHT:
        notes.append("rotated as EXIF says")
        if not turned_by_pillow:
            rgb = rgb.transpose(_UPRIGHT[orientation])
            if orientation in _ON_ITS_SIDE:
                width, height = height, width
    return Uniform(
        png=png_file(rgb),
        fingerprint=fingerprint(rgb),
        format=image_format,
        mode=mode,
        width=width,
        height=height,
        notes=tuple(notes),
    )


def _lacks_rows(picture: Image.Image, content: bytes) -> bool:
    """Tell whether the pixels of a PNG end before its last row, which Pillow then leaves black."""
    width, height = picture.size
    end = (0, max(0, height - 2), width, height)  # of an interlaced PNG, every other row comes last
    black = picture.crop(end)
    if np.asarray(black).any(axis=tuple(range(1, np.asarray(black).ndim))).all():
        return False
    with Image.open(io.BytesIO(content), formats=["PNG"]) as again:
        again.im = Image.new(again.mode, again.size, 255).im
        return again.crop(end).tobytes() != black.tobytes()


def _orientation(picture: Image.Image, notes: list[str]) -> int:
    orientation = 1
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            Image.Exif().load(picture.info.get("exif", b""))  # `getexif` hides what `open` met
            orientation = int(picture.getexif().get(_ORIENTATION, 1))
        except Exception as error:  # Pillow documents no list here either
            warnings.warn(str(error), stacklevel=1)
    if found:
        notes.append("damaged EXIF")
    return orientation


def _rgb(picture: Image.Image, bits: int, notes: list[str]) -> Image.Image:
    if picture.mode.startswith("I;16"):
        # Pillow would show every value above 255 as white; `bits` are those that the file has.
        upper = np.asarray(picture) >> (bits - 8)
        return Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        return _from_32_bits(picture, notes)
    if picture.mode == "CMYK":
        notes.append("CMYK made RGB")
    if _is_transparent(picture):
        notes.append("transparency dropped")
        picture.info.pop("transparency", None)  # Pillow cannot convert that of black and white
    return picture.convert("RGB")


def _is_transparent(picture: Image.Image) -> bool:
    if picture.mode in ("RGBA", "LA", "PA"):
        return picture.getchannel("A").getextrema() != (255, 255)
    return picture.has_transparency_data


def _from_32_bits(picture: Image.Image, notes: list[str]) -> Image.Image:
    """Take whole or real numbers as fractions, 8 or 16 bits, whichever holds the largest."""
    values = np.asarray(picture)
    lowest, highest = values.min(), values.max()
    # Also refuses not-a-number, which compares with nothing.
    if not (lowest >= 0 and highest <= 0xFFFF):
        raise PictureRefusedError(
            f"pixels have values from {lowest:.6g} to {highest:.6g}: save it with 8 bits"
        )
    scale = 1.0
    if highest > 0xFF:
        scale = 1 / 256
    elif highest <= 1 and picture.mode == "F":
        scale = 255
    notes.append("values scaled to 8 bits")
    return Image.fromarray((values * scale).astype(np.uint8)).convert("RGB")


def _reason(name: str, cause: str) -> str:
    """Return Pillow's words for a damaged file, short and without the addresses of objects."""
    if "truncated" in cause.lower():
        return "ends too early"
    if "MAX_TEXT" in cause or "Decompressed data too large" in cause:
        return "a text or colour profile in it is too large: save it without"
    words = cause if cause.isprintable() and " at 0x" not in cause else ""
    return f"damaged {name}: {words[:100]}" if words else f"damaged {name}"


class _TimeUp(BaseException):  # not an Exception, which Pillow catches in places
    pass


@contextmanager
def _limited_time() -> Iterator[None]:
    """Raise `_TimeUp` after `MAX_SECONDS` of the processor; in a main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGPROF, stop)
    # More than once: Python swallows what is raised while it runs a finalizer.
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
