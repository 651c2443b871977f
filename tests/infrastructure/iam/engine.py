"""Runs requests through engine.mjs, all of them in one Node process."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Statement = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One call, and the names of the policies that decide it."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str]
    identity: str
    resource_policy: str


@dataclass(frozen=True)
class Answer:
    """What the engine says, with the Sids of the statements of either policy that allow it."""

    allowed: bool
    identity: list[str]
    resource: list[str]
    ignored: list[str]
    """Keys of the context that the action does not know."""


def judge(
    account: str, policies: Mapping[str, Sequence[Statement]], requests: Sequence[Request]
) -> list[Answer]:
    """Return the engine's answers in the order of the requests.

    Raises:
        subprocess.CalledProcessError: the engine refused a request or a policy; it says which.
    """
    # The Node.js that set-up put beside this interpreter comes first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=path)
    assert node, "Node.js is not installed in this environment; run: make setup-dev"
    given = {"account": account, "policies": policies, "requests": list(map(vars, requests))}
    finished = subprocess.run(
        [node, str(Path(__file__).with_name("engine.mjs"))],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Answer(**answer) for answer in json.loads(finished.stdout)]
