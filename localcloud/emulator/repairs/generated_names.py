"""Names that CloudFormation generates are `<stack>-<logical id>-<random>`, and no name is taken.

ministack calls a log group `/aws/cloudformation/<stack>/<logical id>` and gives a role of the same
stack and logical id the same name each time. What goes by the names of an environment misses such
a group, and a stack that is created again takes over what the former one retained: AWS refuses to
create a log group that exists.
"""

import uuid
from collections.abc import Callable, Container
from functools import wraps
from typing import Any

from localcloud.emulator.extension import Attributes, Properties
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"
LOG_GROUPS = "ministack.services.cloudwatch_logs:_log_groups"

LONGEST_NAME = 64  # of a role
RANDOM_LENGTH = 12

Provisioned = tuple[str, Attributes]


class AlreadyExists(RuntimeError):
    """A resource of this name exists outside the stack."""


def repair() -> None:
    """Name log groups and roles before CloudFormation creates or updates them."""
    handlers = private(HANDLERS)
    _name("AWS::Logs::LogGroup", "LogGroupName", handlers, taken=private(LOG_GROUPS))
    _name("AWS::IAM::Role", "RoleName", handlers, taken=())


def _name(type_: str, key: str, handlers: dict[str, Any], *, taken: Container[str]) -> None:
    handler = handlers[type_]
    create: Callable[[str, Properties, str], Provisioned] = handler["create"]
    update: Callable[[str, Properties, Properties, str, str], Provisioned] = handler["update"]

    @wraps(create)
    def create_named(logical_id: str, properties: Properties, stack: str) -> Provisioned:
        named = {key: _new_name(stack, logical_id), **properties}
        if named[key] in taken:
            raise AlreadyExists(
                f"Resource of type '{type_}' with identifier '{named[key]}' already exists."
            )
        return create(logical_id, named, stack)

    @wraps(update)
    def update_named(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> Provisioned:
        name = _new_name(stack, logical_id) if key in old else physical_id
        return update(physical_id, old, {key: name, **new}, stack, logical_id)

    handler["create"] = create_named
    handler["update"] = update_named


def _new_name(stack: str, logical_id: str) -> str:
    beginning = f"{stack}-{logical_id}"[: LONGEST_NAME - RANDOM_LENGTH - 1]
    return f"{beginning}-{uuid.uuid4().hex[:RANDOM_LENGTH]}"
