"""Find pictures that look the same."""

import numpy as np
from PIL import Image

_GRID = 16


def fingerprint(picture: Image.Image) -> bytes:
    """Return 32 bytes that differ little for pictures that look the same."""
    grey = picture.convert("L").resize((_GRID + 1, _GRID), Image.Resampling.BOX)
    pixels = np.asarray(grey).astype(np.int16)
    return np.packbits(np.diff(pixels, axis=1) > 2).tobytes()
