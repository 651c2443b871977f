"""Work that ends its process, as damaged pictures may."""

import os
import signal
import time
from pathlib import Path

from training.errors import StagingError
from training.preparation.cache import Encoded, encode


def work(content: bytes) -> bytes:
    """Return the content in capitals, or do to this process what the content says."""
    what, _, rest = content.decode().partition(" ")
    if what == "die":
        os.kill(os.getpid(), signal.Signals[rest])
    if what == "hang":
        time.sleep(60)
    if what == "fail":
        raise ValueError(rest)
    if what == "once" and not Path(rest).exists():
        Path(rest).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return str(os.getpid()).encode() if what == "pid" else content.upper()


def encode_or_die(content: bytes, *, side: int, folder: Path) -> Encoded | StagingError:
    """Encode a picture, or do as `work`."""
    return encode(content if len(content) > 100 else work(content), side=side, folder=folder)
