"""Lets a plug-in add an AWS service, resource types of CloudFormation and tasks to the emulator.

Call these before the emulator serves its first request. ministack keeps account and region of the
current request in context variables, which tasks and `asyncio.to_thread` inherit and a bare
`threading.Thread` does not (start it with `contextvars.copy_context().run`).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.names import Function, around, private

Response = tuple[int, dict[str, str], bytes]
ServiceHandler = Callable[
    [str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]
]
Properties = dict[str, Any]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class ResourceType:
    """The functions that CloudFormation calls for one resource type.

    All three run on their own thread, one resource of a stack at a time: they may block and may
    call the emulator over HTTP. An exception fails the resource, with its text as the reason.
    `properties` arrive resolved (no Ref or Fn::), without what was `AWS::NoValue`.
    """

    create: Callable[[str, Properties, str], tuple[str, Attributes]]
    """(logical id, properties, stack name) -> (physical id for Ref, attributes for Fn::GetAtt)."""

    update: Callable[[str, Properties, Properties, str, str], tuple[str, Attributes]]
    """(physical id, old properties, new properties, stack name, logical id) -> as `create`.

    Called only if the properties differ. Another physical id than before means replacement: the
    old resource is deleted after everything else of the update succeeded."""

    delete: Callable[[str, Properties], None]
    """(physical id, properties). Must succeed when the resource does not exist."""


def add_service(name: str, handler: ServiceHandler) -> None:
    """Serve every request signed for the service `name` with `handler`.

    `name` is the SigV4 signing name, which SageMaker's control plane and its runtime share. The
    handler takes (method, path, headers with lower-case names, body, query parameters) and returns
    (status, headers, body). It runs on the event loop and must not block it.
    """
    handlers = private("ministack.app:SERVICE_HANDLERS")
    patterns = private("ministack.core.router:SERVICE_PATTERNS")

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        status, answer, content = await handler(method, path, headers, body, query)
        # ministack rewrites "Content-Type" to the control plane's; it leaves lower case alone.
        return status, {key.lower(): value for key, value in answer.items()}, content

    handlers[name] = handle
    # Unknown to ministack, the name would be looked up in all of botocore's models (seconds).
    patterns[name] = {}


def add_resource_types(types: Mapping[str, ResourceType]) -> None:
    """Let CloudFormation create, update and delete `types`, e.g. `AWS::SageMaker::Model`."""
    handlers = private("ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS")

    for name, resource_type in types.items():
        handlers[name] = {
            "create": resource_type.create,
            "update": resource_type.update,
            "update_with_logical_id": True,
            "delete": resource_type.delete,
        }

    @around("ministack.services.cloudformation.stacks:_runs_on_worker_thread")
    def ours_do(runs_on_worker_thread: Function, name: str) -> bool:
        return name in types or bool(runs_on_worker_thread(name))


class TaskError(Exception):
    """A task failed with `error`, by which Retry and Catch match it, and `cause`."""

    def __init__(self, error: str, cause: str) -> None:
        """`error` as Step Functions names it, e.g. `States.TaskFailed`."""
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


def add_task(resource: str, run: Callable[[str, Any], Any]) -> None:
    """Let Task states of Step Functions run `resource`, whose end may be `.sync`, with `run`.

    `run` takes the whole resource of the state and its arguments, and returns its result. It may
    block, and may raise TaskError.
    """
    tasks = private("ministack.services.stepfunctions:_SERVICE_DISPATCH")
    execution_error = private("ministack.services.stepfunctions:_ExecutionError")

    def run_task(whole_resource: str, arguments: Any) -> Any:
        try:
            return run(whole_resource, arguments)
        except TaskError as error:
            raise execution_error(error.error, error.cause) from error

    tasks[resource] = run_task


def sdk_result(response: dict[str, Any], shape: Any) -> Any:
    """Return a response with the names that Step Functions uses, and times as text.

    `shape` is botocore's output shape of the operation; None for one that returns nothing.
    """
    if shape is None:
        return {}
    return private("ministack.services.stepfunctions:_sdk_json_value")(response, shape)


def current_account() -> str:
    """Return the account of the current request, 12 digits."""
    account: str = private("ministack.core.responses:get_account_id")()
    return account


def current_region() -> str:
    """Return the region of the current request."""
    region: str = private("ministack.core.responses:get_region")()
    return region


def endpoint_url() -> str:
    """Return the URL of every AWS service of this emulator."""
    return f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"


def serve() -> None:
    """Serve AWS requests at GATEWAY_PORT until a signal ends the process, at once."""

    @around("ministack.app:_handle_lifespan")
    async def handle_without_signals(handle: Function, *arguments: Any) -> None:
        # Those of the web server wait for the threads of calls and jobs before they end anything.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
        await handle(*arguments)

    main = private("ministack.app:main")
    del sys.argv[1:]  # ministack would read them as its own
    main()
