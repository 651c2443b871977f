"""Runs requests through engine.mjs, all of them in one Node process."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infrastructure.node import node_command

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
    """The engine's answer, with the Sids of the statements of either policy that allow the call."""

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
    given = {"account": account, "policies": policies, "requests": list(map(vars, requests))}
    finished = subprocess.run(
        node_command(Path(__file__).with_name("engine.mjs"), package="@cloud-copilot/iam-simulate"),
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Answer(**answer) for answer in json.loads(finished.stdout)]
