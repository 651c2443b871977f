"""Content that is nearly valid, and the bounds within which it has to be read or refused."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

# Numbers at their edges, in both byte orders, and what begins or ends structures.
EDGES = (
    *(b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff"),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80", b"\1\0\0\0"),
    b"\xff" * 8,
)
MOST_EDITS = 6
LONGEST_EDIT = 16

PEAK = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")


@st.composite
def mutated(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Draw one of `contents` with some bytes replaced, inserted, removed or repeated."""
    content = draw(contents)
    for _ in range(draw(st.integers(1, MOST_EDITS))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(start + LONGEST_EDIT, len(content))))
        copied = draw(st.integers(0, len(content)))
        repeated = content[copied : copied + draw(st.integers(0, 64))]
        other = draw(st.sampled_from(EDGES) | st.binary(max_size=4) | st.just(repeated))
        # Now and then the rest is cut off.
        rest = b"" if draw(st.integers(0, 19)) == 0 else content[end:]
        content = content[:start] + other + rest
    return content


@contextmanager
def bounded(*, megabytes: int, seconds: float) -> Iterator[None]:
    """Fail if the block takes longer, or more memory than there was before."""
    PEAK.write_text("5")  # https://docs.kernel.org/filesystems/proc.html: resets VmHWM
    before, start = _kilobytes("VmRSS"), time.monotonic()
    yield
    taken, added = time.monotonic() - start, (_kilobytes("VmHWM") - before) / 1000
    assert taken < seconds
    assert added < megabytes


@contextmanager
def python_memory_below(limit: int) -> Iterator[None]:
    """Fail if the block allocates more bytes at its peak."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


def _kilobytes(name: str) -> int:
    [line] = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])
