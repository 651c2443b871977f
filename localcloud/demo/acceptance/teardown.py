"""Take down what a run created, and find what is left of it."""

import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cdk import CdkError
from localcloud.demo.leftovers import listed
from localcloud.deployment import Application
from localcloud.steps import Say
from operations.aws import session
from operations.sweep import Remain, existing_stacks, find
from settings import Settings

SETTLE_SECONDS = 3600.0
POLL_SECONDS = 2.0
DELETABLE = ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
"""Statuses in which CloudFormation deletes a stack though something is under way."""


@dataclass
class Teardown:
    """The end of a run: remove what was created, and name what could not be removed."""

    application: Application
    before: Collection[str]
    """What sweep found before the run; not ours to remove."""
    problems: list[str] = field(default_factory=list)
    _ours: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Destroy the stacks; stop and remove what outlives them.

        A step that fails is a problem, but the others still run.
        """
        for step in (self._remember, self._stop_jobs, self._settle, self._destroy, self._sweep):
            try:
                step()
            except Exception as error:
                self.problems.append(str(error) or repr(error))

    @property
    def commands(self) -> str:
        """Return the commands that remove whatever is left."""
        name = self.application.settings.environment
        return (
            f"cdk destroy --all -c environment={name}, "
            f"then scones sweep --environment {name} --delete"
        )

    def left(self) -> list[str]:
        """Return lines that name what is left, and how to remove it."""
        settings = self.application.settings
        if stacks := existing_stacks(settings):
            return [f"stack {name}: {self.commands}" for name in stacks]
        remains = [each for each in find(settings) if each.name not in self.before]
        named = {each.name for each in remains} | set(self.before)
        return [
            *(f"{each.kind} {each.name}: {each.by_hand}" for each in remains),
            *(
                f"{kind} {name}: remove it by hand"
                for kind, name in listed()
                # Models and the like have generated names, known from their stack only; what a
                # killed function or a late log creates again has the name of the environment.
                if name not in named
                and (name in self._ours or settings.resource_prefix in name.lower())
            ),
        ]

    def _remember(self) -> None:
        self._ours |= _physical_ids(self.application.settings)

    def _stop_jobs(self) -> None:
        # First of all: they cost by the minute, whatever becomes of the stacks.
        found = find(self.application.settings)
        self._remove(each for each in found if each.kind.startswith("running "))

    def _settle(self) -> None:
        if existing_stacks(self.application.settings):
            with self.application.steps.step("wait for the stacks") as say:
                settle(self.application.settings, say)

    def _destroy(self) -> None:
        if not existing_stacks(self.application.settings):
            return
        try:
            self.application.destroy()
        except CdkError as error:
            # Once more: what failed may have waited for what is gone by now.
            self.problems.append(str(error))
            self.application.destroy()

    def _sweep(self) -> None:
        # Only without stacks: sweep also finds what they still use.
        if not existing_stacks(self.application.settings):
            with self.application.steps.step("sweep"):
                self._remove(find(self.application.settings))

    def _remove(self, remains: Iterable[Remain]) -> None:
        for remain in remains:
            if remain.name in self.before or remain.remove is None:
                continue
            try:
                remain.remove()
            except (BotoCoreError, ClientError) as error:
                self.problems.append(f"{remain.kind} {remain.name}: {error}")


def _physical_ids(settings: Settings) -> set[str]:
    pages = session().client("cloudformation").get_paginator("list_stack_resources")
    found: set[str] = set()
    for stack in existing_stacks(settings):
        ids = pages.paginate(StackName=stack).search("StackResourceSummaries[].PhysicalResourceId")
        # The id of some is an ARN, where their listing has the name.
        found |= {part for each in ids if each for part in (each, each.rpartition("/")[2])}
    return found


def settle(settings: Settings, say: Say) -> None:
    """Wait until CloudFormation accepts the deletion of every stack."""
    client = session().client("cloudformation")
    cancelled: set[str] = set()
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        busy = {}
        for stack in existing_stacks(settings):
            status = client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            if status.endswith("_IN_PROGRESS") and status not in DELETABLE:
                busy[stack] = status
            if status == "UPDATE_IN_PROGRESS" and stack not in cancelled:
                cancelled.add(stack)
                # Refused if it has just ended; the loop waits for it in any case.
                with suppress(ClientError):
                    client.cancel_update_stack(StackName=stack)
        if not busy:
            return
        say(", ".join(f"{stack} {status}" for stack, status in busy.items()))
        time.sleep(POLL_SECONDS)
