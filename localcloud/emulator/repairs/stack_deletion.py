"""DeleteStack while the stack is created or updated.

It ends a creation that is still running and deletes what it made. ministack deletes what there is
and lets the creation go on: the custom resource in flight gets nothing, and what comes after it is
created and stays. On AWS the creation of the resource in flight is cancelled and the resource is
deleted; a custom resource gets Delete although its Create was not answered
(https://github.com/aws/aws-cdk/issues/26139), under an id that CloudFormation made up. Other
resources in flight are awaited here.

An update refuses DeleteStack; ministack does both at once. The message is quoted in
https://github.com/aws-amplify/amplify-backend/pull/2366, for one such status, and by others for
UPDATE_IN_PROGRESS.
"""

import uuid
from contextvars import ContextVar
from typing import Any

from localcloud.emulator.extension import Attributes, Properties, Response
from localcloud.emulator.names import Function, around, around_item, private

PACKAGE = "ministack.services.cloudformation"
HANDLERS = f"{PACKAGE}.handlers"

# Keys of ours in ministack's record of a stack.
CANCELLED = "_creation_cancelled"
AWAITED = "_awaited_answer"

REASON = "Resource creation cancelled"

Stack = dict[str, Any]


class CreationCancelled(RuntimeError):
    """The stack is to be deleted."""


def repair() -> None:
    """Cancel a creation, and delete the stack once it has ended; refuse during an update."""
    stacks: dict[str, Stack] = private(f"{PACKAGE}:_stacks")
    answer: Function = private(f"{PACKAGE}.custom_resource:deliver_response")
    delete_stack: Function = private(f"{HANDLERS}:_delete_stack_async")

    @around(f"{HANDLERS}:_delete_stack_async")
    async def cancel_or_delete(delete: Function, name: str, *rest: Any, **options: Any) -> None:
        stack = stacks[name]
        if stack["StackStatus"] == "CREATE_IN_PROGRESS":
            stack["StackStatus"] = "DELETE_IN_PROGRESS"
            stack[CANCELLED] = True
            if AWAITED in stack:
                answer(stack[AWAITED], {"Status": "FAILED", "Reason": REASON})
        elif CANCELLED not in stack:
            await delete(name, *rest, **options)

    @around(f"{PACKAGE}.stacks:_roll_back_operation")
    async def roll_back_unless_cancelled(
        roll_back: Function, name: str, *rest: Any, **options: Any
    ) -> None:
        if CANCELLED not in stacks[name]:
            await roll_back(name, *rest, **options)

    @around(f"{HANDLERS}:_deploy_stack_async", f"{PACKAGE}.changesets:_deploy_stack_async")
    async def deploy_and_delete(
        deploy: Function, name: str, stack_id: str, *rest: Any, **options: Any
    ) -> None:
        await deploy(name, stack_id, *rest, **options)
        if stacks[name].pop(CANCELLED, False):
            await delete_stack(name, stack_id)

    _know_what_is_awaited(stacks, answer)
    _refuse_during_updates()


def _know_what_is_awaited(stacks: dict[str, Stack], answer: Function) -> None:
    """Keep in a stack's record which answer of a custom resource its creation waits for."""
    creating: ContextVar[Stack | None] = ContextVar("creating", default=None)

    @around(f"{PACKAGE}.custom_resource:register_token")
    def register_cancellable(register: Function, token: str) -> Any:
        answered = register(token)
        stack = creating.get()
        if stack is not None:
            stack[AWAITED] = token
            if CANCELLED in stack:  # since just now: this is not the event loop's thread
                answer(token, {"Status": "FAILED", "Reason": REASON})
        return answered

    @around(f"{PACKAGE}.stacks:_provision_keeping_seed")
    def provision_unless_cancelled(
        provision: Function, resource_type: str, logical_id: str, properties: Properties, name: str
    ) -> tuple[tuple[str, Attributes], str]:
        stack = stacks[name]
        if CANCELLED in stack:
            raise CreationCancelled(REASON)
        token = creating.set(stack)
        try:
            provisioned: tuple[tuple[str, Attributes], str] = provision(
                resource_type, logical_id, properties, name
            )
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
        else:
            return provisioned
        finally:
            creating.reset(token)
            stack.pop(AWAITED, None)


def _refuse_during_updates() -> None:
    find: Function = private(f"{HANDLERS}:_resolve_stack")
    parameter: Function = private(f"{HANDLERS}:_p")
    error: Function = private(f"{HANDLERS}:_error")

    @around_item(private(f"{HANDLERS}:_ACTION_HANDLERS"), "DeleteStack")
    def delete_unless_updating(delete: Function, parameters: dict[str, Any]) -> Response:
        stack = find(parameter(parameters, "StackName"))
        status = stack["StackStatus"] if stack else ""
        refused = status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS")
        answer: Response = (
            error(
                "ValidationError",
                f"Stack [{stack['StackId']}] cannot be deleted while in status {status}",
            )
            if refused
            else delete(parameters)
        )
        return answer
