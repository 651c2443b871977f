"""Stacks that tests make, change and delete."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from localcloud.launcher import LocalCloud
from tests.local.waiting import wait

Template = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A stack of one test."""

    cloudformation: Any
    name: str

    @classmethod
    def new(cls, cloud: LocalCloud, template: Template) -> "Stack":
        """Begin to create a stack."""
        stack = cls(cloud.client("cloudformation"), f"s-{uuid.uuid4().hex[:12]}")
        stack.create(template)
        return stack

    def create(self, template: Template) -> None:
        """Begin to create the stack."""
        self.cloudformation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

    def update(self, template: Template, state: str = "stack_update_complete") -> None:
        """Update the stack, and wait for `state`; with "" return at once."""
        self.cloudformation.update_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        if state:
            self.wait(state)

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)
        self.wait("stack_delete_complete")

    def wait(self, state: str = "stack_create_complete", name: str = "") -> "Stack":
        """Wait for a state of the stack; a deleted one is found by its ARN as `name` only."""
        self.cloudformation.get_waiter(state).wait(
            StackName=name or self.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )
        return self

    def settled(self) -> str:
        """Return the state in which what was begun ends."""

        def final() -> str:
            (stack,) = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
            state: str = stack["StackStatus"]
            return "" if state.endswith("_IN_PROGRESS") else state

        return str(wait(final))

    def reasons(self) -> list[str]:
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [event.get("ResourceStatusReason", "") for event in events]


def resource(type_: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_, "Properties": properties}


def template(**resources: Any) -> Template:
    return {"Resources": resources}


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]
