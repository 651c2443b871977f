"""DeleteStack ends a creation that is still running and deletes what it made, as on AWS.

ministack deletes what there is and lets the creation go on: nobody tells the custom resource in
flight, and what comes after it is created and stays.

On AWS the creation of the resource in flight is cancelled and the resource is deleted; a custom
resource gets Delete although its Create was not answered (https://github.com/aws/aws-cdk/issues/26139)
and so, under an id that CloudFormation made up. Other resources in flight are awaited here.
"""

import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from localcloud.emulator.extension import Attributes, Properties
from localcloud.emulator.names import private, replace

PACKAGE = "ministack.services.cloudformation"
DEPLOY = (f"{PACKAGE}.handlers:_deploy_stack_async", f"{PACKAGE}.changesets:_deploy_stack_async")
DELETE = f"{PACKAGE}.handlers:_delete_stack_async"
ROLL_BACK = f"{PACKAGE}.stacks:_roll_back_operation"
PROVISION = f"{PACKAGE}.stacks:_provision_keeping_seed"
REGISTER = f"{PACKAGE}.custom_resource:register_token"
ANSWER = f"{PACKAGE}.custom_resource:deliver_response"

# Keys of ours in ministack's record of a stack.
CANCELLED = "_creation_cancelled"
AWAITED = "_awaited_answer"

REASON = "Resource creation cancelled"

Stack = dict[str, Any]
Step = Callable[..., Awaitable[None]]


class CreationCancelled(RuntimeError):
    """The stack is to be deleted."""


def repair() -> None:
    """Cancel the creation on DeleteStack, and delete the stack once its creation has ended."""
    stacks: dict[str, Stack] = private(f"{PACKAGE}:_stacks")
    answer: Callable[[str, dict[str, str]], bool] = private(ANSWER)
    _know_what_is_awaited(stacks, answer)
    delete: Step = private(DELETE)
    roll_back: Step = private(ROLL_BACK)

    @wraps(delete)
    async def cancel_or_delete(name: str, *rest: Any, **options: Any) -> None:
        stack = stacks[name]
        if stack["StackStatus"] == "CREATE_IN_PROGRESS":
            stack["StackStatus"] = "DELETE_IN_PROGRESS"
            stack[CANCELLED] = True
            if AWAITED in stack:
                answer(stack[AWAITED], {"Status": "FAILED", "Reason": REASON})
        elif CANCELLED not in stack:
            await delete(name, *rest, **options)

    @wraps(roll_back)
    async def roll_back_unless_cancelled(name: str, *rest: Any, **options: Any) -> None:
        if CANCELLED not in stacks[name]:
            await roll_back(name, *rest, **options)

    def deleting(deploy: Step) -> Step:
        @wraps(deploy)
        async def deploy_and_delete(name: str, stack_id: str, *rest: Any, **options: Any) -> None:
            await deploy(name, stack_id, *rest, **options)
            if stacks[name].pop(CANCELLED, False):
                await delete(name, stack_id)

        return deploy_and_delete

    replace(DELETE, cancel_or_delete)
    replace(ROLL_BACK, roll_back_unless_cancelled)
    for path in DEPLOY:
        replace(path, deleting(private(path)))


def _know_what_is_awaited(
    stacks: dict[str, Stack], answer: Callable[[str, dict[str, str]], bool]
) -> None:
    """Keep in a stack's record which answer of a custom resource its creation waits for."""
    creating: ContextVar[Stack | None] = ContextVar("creating", default=None)
    register: Callable[[str], Any] = private(REGISTER)
    provision: Callable[..., tuple[tuple[str, Attributes], str]] = private(PROVISION)

    @wraps(register)
    def register_cancellable(token: str) -> Any:
        answered = register(token)
        stack = creating.get()
        if stack is not None:
            stack[AWAITED] = token
            if CANCELLED in stack:  # since just now: this is not the event loop's thread
                answer(token, {"Status": "FAILED", "Reason": REASON})
        return answered

    @wraps(provision)
    def provision_unless_cancelled(
        resource_type: str, logical_id: str, properties: Properties, name: str
    ) -> tuple[tuple[str, Attributes], str]:
        stack = stacks[name]
        if CANCELLED in stack:
            raise CreationCancelled(REASON)
        token = creating.set(stack)
        try:
            return provision(resource_type, logical_id, properties, name)
        except Exception:
            if CANCELLED in stack and AWAITED in stack:
                stack["_resources"][logical_id] = {
                    "PhysicalResourceId": f"{name}-{logical_id}-{uuid.uuid4().hex[:12].upper()}",
                    "ResourceType": resource_type,
                    "ResourceStatus": "CREATE_FAILED",
                    "LogicalResourceId": logical_id,
                    "Properties": properties,
                }
            raise
        finally:
            creating.reset(token)
            stack.pop(AWAITED, None)

    replace(REGISTER, register_cancellable)
    replace(PROVISION, provision_unless_cancelled)
