"""Wait for what the local cloud does in the background."""

import time
from collections.abc import Callable
from typing import Any


def wait(condition: Callable[[], Any], seconds: float = 60, *, every: float = 0.05) -> Any:
    """Return the first result of `condition` that is true; fail if none is within the seconds."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        time.sleep(every)
    return result
