"""Captured pictures as small PNGs that are safe to embed."""

import base64
import io

from analysis.pictures import decode

LARGEST = 128
"""Pixels of the longer side."""


def thumbnail(picture: bytes) -> bytes | None:
    """The picture as an RGB PNG of at most `LARGEST` pixels a side; None if it is none.

    It is encoded anew, so that nothing but pixels gets into the report.
    """
    try:
        image = decode(picture)
    except ValueError:
        return None
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG as it stands in the `src` of an image."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
