"""A log group without a name is named `<stack>-<logical id>-<random>`, as on AWS.

ministack calls it `/aws/cloudformation/<stack>/<logical id>`: what goes by the names of an
environment misses it, and a stack that is made again takes over what the former one retained.
"""

import uuid
from collections.abc import Callable
from functools import wraps

from localcloud.emulator.extension import Attributes, Properties
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"
NAME = "LogGroupName"

Provisioned = tuple[str, Attributes]


def repair() -> None:
    """Name the log group before CloudFormation creates or updates it."""
    log_group = private(HANDLERS)["AWS::Logs::LogGroup"]
    create: Callable[[str, Properties, str], Provisioned] = log_group["create"]
    update: Callable[[str, Properties, Properties, str, str], Provisioned] = log_group["update"]

    def named(properties: Properties, name: str) -> Properties:
        return {NAME: name, **properties}

    @wraps(create)
    def create_named(logical_id: str, properties: Properties, stack: str) -> Provisioned:
        return create(logical_id, named(properties, _new_name(stack, logical_id)), stack)

    @wraps(update)
    def update_named(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> Provisioned:
        name = _new_name(stack, logical_id) if NAME in old else physical_id
        return update(physical_id, old, named(new, name), stack, logical_id)

    log_group["create"] = create_named
    log_group["update"] = update_named


def _new_name(stack: str, logical_id: str) -> str:
    return f"{stack}-{logical_id}-{uuid.uuid4().hex[:12]}"
