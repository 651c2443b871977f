"""Check that a file is a whole PNG or JPEG picture that a model server can decode.

Only the structure is read and nothing is decompressed, so a picture that would swell costs nothing
here. The endpoint finds faults inside the compressed pixels.

Formats: https://www.w3.org/TR/png-3/ (5: chunks, 11.2.1: IHDR) and
https://www.w3.org/Graphics/JPEG/itu-t81.pdf (annex B: markers).
"""

import re
import struct
from collections.abc import Iterator

# 75 MB decoded to 8-bit RGB; enough for a camera of 24 megapixels.
MAX_PIXELS = 25_000_000

# A decoder walks over all pixels for every scan. Progressive pictures have about ten; tens of
# thousands fit into a few megabytes, and keep it busy for minutes.
# https://bugzilla.redhat.com/show_bug.cgi?id=1344214
MAX_SCANS = 100

# Segments of a JPEG, or chunks of a PNG: a million empty ones fit into a few megabytes. A colour
# profile takes up to 255 segments, and the tables of 100 scans several hundred; a PNG of 6 MiB has
# some 800 chunks by libpng's default, and a few thousand if each row has its own.
MAX_SEGMENTS = 10_000

PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"

_HEAD = 1024  # bytes of an SVG's prologue that are searched

_FORMATS = {
    "PNG": re.escape(PNG),
    "JPEG": _JPEG,
    "GIF": rb"GIF8[79]a",
    "WebP": rb"RIFF....WEBP",
    "BMP": rb"BM.{4}\0{4}",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "HEIC": rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    "AVIF": rb".{4}ftypavi[fs]",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL |\xff\x0a",
    "SVG": rb"(\xef\xbb\xbf)?\s*<(svg\b|(\?xml|!).*<svg\b)",
}

# A JPEG marker that begins a segment or ends the picture: not the FF 00 that stands for a byte FF
# among the pixels, nor a restart marker among them, nor a fill byte.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageEmpty(Exception):
    """The object has no bytes."""


class NotAnImage(Exception):
    """The object is not a picture in a known format."""


class UnsupportedImageFormat(Exception):
    """The object is a picture, but neither PNG nor JPEG."""


class ImageTruncated(Exception):
    """The picture ends before its end."""


class ImageDamaged(Exception):
    """The picture does not have the structure of its format."""


class TooManyPixels(Exception):
    """The picture would be huge once decoded, however small its file is."""


class TooManyScans(Exception):
    """The picture would take minutes to decode, however small its file is."""


class TooManySegments(Exception):
    """The picture has more parts than any camera or program writes."""


def check(content: bytes, source: str, *, max_pixels: int = MAX_PIXELS) -> str:
    """Return the media type of a whole picture, "image/png" or "image/jpeg", or raise its fault.

    `source` is the picture's name in errors, such as its S3 URI. Anything after the end of the
    picture is ignored: phones append previews and films.
    """
    if content.startswith(PNG):
        _check_png(content, source, max_pixels)
        return "image/png"
    if content.startswith(_JPEG):
        _check_jpeg(content, source, max_pixels)
        return "image/jpeg"
    if not content:
        raise ImageEmpty(f"{source} has 0 bytes: upload it again")
    if name := format_name(content):
        raise UnsupportedImageFormat(f"{source} is a {name} picture: save it as PNG or JPEG")
    raise NotAnImage(f"{source} begins with {content[:8]!r}; expected a PNG or JPEG picture")


def format_name(content: bytes) -> str | None:
    """Return the name of a picture's format, if it is known."""
    for name, beginning in _FORMATS.items():
        if re.match(beginning, content[:_HEAD], re.DOTALL):
            return name
    return None


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of each chunk, IEND last; raise EOFError where the file ends before."""
    position = len(PNG)
    kind = b""
    while kind != b"IEND":
        if position + 8 > len(content):
            raise EOFError("before its IEND chunk")
        length, kind = struct.unpack_from(">I4s", content, position)
        start = position + 8
        position = start + length + 4  # the last four are a checksum
        if position > len(content):
            raise EOFError(f"within a chunk {kind!r} of {length:,} bytes")
        yield kind, content[start : start + length]


def _check_png(content: bytes, source: str, max_pixels: int) -> None:
    try:
        for count, (kind, data) in enumerate(png_chunks(content), 1):
            if count > MAX_SEGMENTS:
                raise TooManySegments(
                    f"{source}: PNG of more than {MAX_SEGMENTS:,} chunks: save it again"
                )
            if count == 1 and (kind, len(data)) != (b"IHDR", 13):
                raise ImageDamaged(
                    f"{source}: PNG whose first chunk is {kind!r} of {len(data):,} bytes, expected "
                    "IHDR of 13: save it again"
                )
            if count == 1:
                width, height = struct.unpack_from(">II", data)
                _check_size(width, height, source, max_pixels)
    except EOFError as error:
        raise _truncated(content, source, str(error)) from error


def _check_jpeg(content: bytes, source: str, max_pixels: int) -> None:
    scans = 0
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(content, position)
        if marker is None:
            raise _truncated(content, source, "before its end-of-image marker")
        kind, position = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            if not scans:
                raise ImageDamaged(f"{source}: JPEG without pixels: save it again")
            return
        length = int.from_bytes(content[position : position + 2])
        if position + max(length, 2) > len(content):
            raise _truncated(content, source, f"within a segment FF {kind:02X}")
        if kind in _START_OF_FRAME and length >= 7:
            height, width = struct.unpack_from(">HH", content, position + 3)
            _check_size(width, height, source, max_pixels)
        scans += kind == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise TooManyScans(f"{source}: JPEG of more than {MAX_SCANS} scans: save it again")
        position += length
    raise TooManySegments(f"{source}: JPEG of more than {MAX_SEGMENTS:,} segments: save it again")


def _check_size(width: int, height: int, source: str, max_pixels: int) -> None:
    if not width or not height:
        raise ImageDamaged(f"{source} declares {width} x {height} pixels: save it again")
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{source} declares {width:,} x {height:,} pixels; at most {max_pixels:,} are "
            "decoded: scale the picture down"
        )


def _truncated(content: bytes, source: str, where: str) -> ImageTruncated:
    return ImageTruncated(f"{source} ends after {len(content):,} bytes, {where}: upload it again")
