"""Read what the endpoint of the deployed application captured."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from analysis import Capture, SkippedLine, read
from tests.local.deployment import Deployment

LONGEST_SECONDS = 30


@contextmanager
def captured_calls(deployment: Deployment, expected: int) -> Iterator[list[Capture]]:
    """Expect so many calls of the endpoint in the block; the list then holds their captures."""
    time.sleep(1 - time.time() % 1)  # captures have whole seconds
    since = datetime.now(UTC).replace(microsecond=0)
    captures: list[Capture] = []
    yield captures
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(_since(since, deployment)) < expected and time.monotonic() < deadline:
        time.sleep(0.5)  # reading them is work
    time.sleep(0.5)  # in which more might come
    captures += _since(since, deployment)
    assert len({capture.event_id for capture in captures}) == len(captures) == expected


def _since(start: datetime, deployment: Deployment) -> list[Capture]:
    skipped: list[SkippedLine] = []
    location = deployment.outputs("Inference")["CaptureUri"]
    s3 = deployment.cloud.client("s3")
    captures = read(location, on_skip=skipped.append, s3_client=s3)
    found = [capture for capture in captures if capture.time >= start]
    assert skipped == []
    return found
