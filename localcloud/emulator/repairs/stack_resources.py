"""Treats exports, generated names and custom resources as CloudFormation does."""

import uuid
from collections.abc import Container
from contextvars import ContextVar
from typing import Any

from localcloud.emulator.extension import Attributes, Properties
from localcloud.emulator.names import Function, around, around_item, private

CLOUDFORMATION = "ministack.services.cloudformation"
LAMBDA = "ministack.services.lambda_svc"

LONGEST_NAME = 64  # of a role
RANDOM_LENGTH = 12


class AlreadyExists(RuntimeError):
    """A resource of this name exists outside the stack."""


def repair() -> None:
    """Keep exports in use, generate names, and retry calls of custom resources."""
    _keep_exports_in_use()
    handlers = private(f"{CLOUDFORMATION}.provisioners:_RESOURCE_HANDLERS")
    log_groups = private("ministack.services.cloudwatch_logs:_log_groups")
    _generate_names("AWS::Logs::LogGroup", "LogGroupName", handlers, taken=log_groups)
    _generate_names("AWS::IAM::Role", "RoleName", handlers, taken=())
    _retry_custom_resources()


def _keep_exports_in_use() -> None:
    """Fail, and so roll back, an update that changes or removes an export that a stack imports.

    ministack only refuses to delete the stack. The messages are quoted in
    https://github.com/linz/geostore/issues/630 and https://github.com/rlister/stax/issues/40.
    """
    stacks = private(f"{CLOUDFORMATION}:_stacks")
    exports = private(f"{CLOUDFORMATION}:_exports")
    imported: Function = private(f"{CLOUDFORMATION}.handlers:_imported_export_names")

    def importers(export: str) -> list[str]:
        return [
            name
            for name, stack in stacks.items()
            if not stack["StackStatus"].startswith("DELETE_") and export in imported(stack, name)
        ]

    @around(f"{CLOUDFORMATION}.stacks:_resolve_stack_outputs")
    def resolve_unless_in_use(
        resolve: Function, *arguments: Any
    ) -> tuple[list[Any], dict[str, Any]]:
        outputs, new = resolve(*arguments)
        *_, stack_id = arguments
        for name, old in list(exports.items()):
            if old["StackId"] != stack_id or new.get(name, {}).get("Value") == old["Value"]:
                continue
            if users := importers(name):
                change = "updated" if name in new else "deleted"
                raise ValueError(
                    f"Export {name} cannot be {change} as it is in use by {' and '.join(users)}"
                )
        return outputs, new


def _generate_names(
    type_: str, key: str, handlers: dict[str, Any], *, taken: Container[str]
) -> None:
    """Name resources `<stack>-<logical id>-<random>`, and refuse a name that is taken.

    ministack calls a log group `/aws/cloudformation/<stack>/<logical id>`, which searches for the
    names of an environment miss, and a role of the same stack and logical id has the same name each
    time, so that a stack that is created again takes over what the former one retained. AWS refuses
    to create a log group that exists.
    """

    @around_item(handlers[type_], "create")
    def create_named(
        create: Function, logical_id: str, properties: Properties, stack: str
    ) -> tuple[str, Attributes]:
        named = {key: _new_name(stack, logical_id), **properties}
        if named[key] in taken:
            raise AlreadyExists(
                f"Resource of type '{type_}' with identifier '{named[key]}' already exists."
            )
        physical_id, attributes = create(logical_id, named, stack)
        return physical_id, attributes

    @around_item(handlers[type_], "update")
    def update_named(
        update: Function,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack: str,
        logical_id: str,
    ) -> tuple[str, Attributes]:
        name = _new_name(stack, logical_id) if key in old else physical_id
        new_id, attributes = update(physical_id, old, {key: name, **new}, stack, logical_id)
        return new_id, attributes


def _new_name(stack: str, logical_id: str) -> str:
    beginning = f"{stack}-{logical_id}"[: LONGEST_NAME - RANDOM_LENGTH - 1]
    return f"{beginning}-{uuid.uuid4().hex[:RANDOM_LENGTH]}"


def _retry_custom_resources() -> None:
    """Call a custom resource's function asynchronously: Lambda retries failed calls.

    ministack calls it once and ignores how the call ended: where its worker dies, the deployment
    waits an hour for an answer that never comes.
    """
    call_asynchronously: Function = private(f"{LAMBDA}:invoke_async_with_retry")
    requesting: ContextVar[bool] = ContextVar("requesting", default=False)

    @around(f"{CLOUDFORMATION}.custom_resource:invoke_custom_resource")
    def request_asynchronously(request: Function, *arguments: Any, **options: Any) -> Any:
        token = requesting.set(True)
        try:
            return request(*arguments, **options)
        finally:
            requesting.reset(token)

    @around(f"{LAMBDA}:_execute_function_with_config_scope")
    def call_as_requested(call: Function, function: dict[str, Any], event: Any) -> Any:
        return (call_asynchronously if requesting.get() else call)(function, event)
