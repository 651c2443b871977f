"""An execution whose functions lose a process again and again."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.local.deployment import Deployment
from tests.local.processes import descendants

FUNCTIONS = ("SerializeImage", "ClassifyImage", "FilterConfidence")
KILLS, SECONDS = 3, 0.2


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="workers are found in /proc")
def test_nearly_every_picture_gets_its_verdict_while_workers_are_killed(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    keys = [key for kind in verdicts.values() for key in kind] * 2

    with killed_workers(deployment) as killed:
        output = deployment.classify(*keys)

    assert killed.keys() == set(FUNCTIONS)
    assert [result["body"]["s3_key"] for result in output["results"]] == keys
    errors = Counter(result.get("error") for result in output["results"])
    assert output["counts"]["failed"] <= len(keys) / 100, errors


@contextmanager
def killed_workers(deployment: Deployment) -> Iterator[Counter[str]]:
    """Kill a worker of each function of the workflow a few times; count them."""
    killed: Counter[str] = Counter()
    end = threading.Event()

    def kill() -> None:
        while not end.wait(SECONDS):
            for function in FUNCTIONS:
                found = workers(deployment, function)
                if found and killed[function] < KILLS:
                    # The youngest is most likely still starting. Where machines are slow, it often
                    # serves the picture whose worker was killed before, so it is killed only once.
                    youngest = killed[function] == 1
                    os.kill(max(found) if youngest else random.choice(found), signal.SIGKILL)
                    killed[function] += 1

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        end.set()
        killer.join()


def workers(deployment: Deployment, function: str) -> list[int]:
    """Return the processes of the local cloud that serve the function."""
    found = []
    for pid in descendants(deployment.cloud.pid() or 0):
        with suppress(FileNotFoundError):  # it has ended
            if f"-{function}" in str(Path(f"/proc/{pid}/cwd").readlink()):
                found.append(pid)
    return found
