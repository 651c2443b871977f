"""Pictures of an execution whose functions lose a process again and again."""

import os
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.local.deployment import Deployment

FUNCTIONS = ("SerializeImage", "ClassifyImage", "FilterConfidence")
ROUNDS, SECONDS = 5, 0.4


def test_nearly_every_picture_gets_its_verdict_while_workers_are_killed(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    keys = [key for kind in verdicts.values() for key in kind]

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
        for kill_round in range(ROUNDS):
            if end.wait(SECONDS):
                return
            for function in FUNCTIONS:
                if found := workers(deployment, function):
                    # The youngest one is most likely one that is still starting.
                    os.kill(max(found) if kill_round % 2 else random.choice(found), signal.SIGKILL)
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
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "ppid=,pid=,args="], capture_output=True, text=True, check=True
    ).stdout
    pattern = rf"^ *{deployment.cloud.pid()} +(\d+) .*/ministack-lambda-\S*-{function}"
    return [int(pid) for pid in re.findall(pattern, listed, re.MULTILINE)]
