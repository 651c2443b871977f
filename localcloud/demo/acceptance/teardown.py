"""Takes down what a run made, and finds what is left of it."""

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
"""Statuses under way in which CloudFormation deletes a stack all the same."""


@dataclass
class Teardown:
    """The end of a run: what was made is removed, and what could not be is named."""

    application: Application
    before: Collection[str]
    """What sweep found before the run; not ours to remove."""
    problems: list[str] = field(default_factory=list)
    _ours: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Destroy the stacks, and stop and remove what is not theirs.

        A step that fails is a problem, and no reason to leave out those after it.
        """
        for step in (self._remember, self._stop_jobs, self._settle, self._destroy, self._sweep):
            try:
                step()
            except Exception as error:
                self.problems.append(str(error) or repr(error))

    @property
    def _settings(self) -> Settings:
        return self.application.settings

    @property
    def commands(self) -> str:
        """Return the commands that remove whatever is left."""
        name = self._settings.environment
        return (
            f"cdk destroy --all -c environment={name}, "
            f"then scones sweep --environment {name} --delete"
        )

    def left(self) -> list[str]:
        """Return lines that name what is left, and how to remove it."""
        settings = self._settings
        if stacks := existing_stacks(settings):
            return [f"stack {name}: {self.commands}" for name in stacks]
        remains = [each for each in find(settings) if each.name not in self.before]
        named = {each.name for each in remains}
        return [
            *(f"{each.kind} {each.name}: {each.by_hand}" for each in remains),
            *(
                f"{kind} {name}: remove it by hand"
                for kind, name in listed()
                if name not in named and name not in self.before and self._is_ours(name)
            ),
        ]

    def _remember(self) -> None:
        self._ours |= _physical_ids(self._settings)

    def _stop_jobs(self) -> None:
        # First of all: they cost by the minute, whatever becomes of the stacks.
        self._remove(each for each in find(self._settings) if each.kind.startswith("running "))

    def _settle(self) -> None:
        if existing_stacks(self._settings):
            with self.application.steps.step("wait for the stacks") as say:
                settle(self._settings, say)

    def _destroy(self) -> None:
        if not existing_stacks(self._settings):
            return
        try:
            self.application.destroy()
        except CdkError as error:
            # Once more: what failed may have waited for what is gone by now.
            self.problems.append(str(error))
            self.application.destroy()

    def _sweep(self) -> None:
        # What stacks still use would be found, too.
        if not existing_stacks(self._settings):
            with self.application.steps.step("sweep"):
                self._remove(find(self._settings))

    def _remove(self, remains: Iterable[Remain]) -> None:
        for remain in remains:
            if remain.name in self.before or remain.remove is None:
                continue
            try:
                remain.remove()
            except (BotoCoreError, ClientError) as error:
                self.problems.append(f"{remain.kind} {remain.name}: {error}")

    def _is_ours(self, name: str) -> bool:
        # Models and the like have generated names, which only their stack tells; what a killed
        # function or a late flush of a log makes again has the name of the environment.
        return name in self._ours or self._settings.resource_prefix in name.lower()


def _physical_ids(settings: Settings) -> set[str]:
    pages = session().client("cloudformation").get_paginator("list_stack_resources")
    found: set[str] = set()
    for stack in existing_stacks(settings):
        ids = pages.paginate(StackName=stack).search("StackResourceSummaries[].PhysicalResourceId")
        # The id of some is an ARN, where their listing has the name.
        found |= {part for each in ids if each for part in (each, each.rpartition("/")[2])}
    return found


def settle(settings: Settings, say: Say) -> None:
    """Wait until CloudFormation takes the deletion of every stack."""
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
                # Refused if it has just ended; it is waited for in any case.
                with suppress(ClientError):
                    client.cancel_update_stack(StackName=stack)
        if not busy:
            return
        say(", ".join(f"{stack} {status}" for stack, status in busy.items()))
        time.sleep(POLL_SECONDS)
