"""Judges what Step Functions and EventBridge do as calls of a role.

A task of a state machine is a call of the state machine's role; the state fails with the denial as
its cause. An execution that EventBridge starts is a call of the target's role.
"""

import contextvars
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from localcloud.emulator.enforcement.additional import needed
from localcloud.emulator.enforcement.judge import (
    AccessDeniedError,
    authorize_role,
    is_enforced,
    session_of,
)
from localcloud.emulator.extension import current_account, current_region
from localcloud.emulator.names import Function, around, private

MODULE = "ministack.services.stepfunctions"
EVENTS = "ministack.services.eventbridge"
ACTIONS = "ministack.core.iam_actions"

ERRORS: Final = {
    "lambda": "Lambda.AWSLambdaException",
    "sagemaker": "SageMaker.AmazonSageMakerException",
    "sns": "SNS.AuthorizationErrorException",
    "sqs": "SQS.AmazonSQSException",
}
"""Names of a denial in the optimized integrations; others are named after their SDK."""

SESSION: Final = "StepFunctions"

_role: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "state_machine_role", default=None
)
"""Role of the state machine whose state runs."""

_target_role: contextvars.ContextVar[str] = contextvars.ContextVar("target_role", default="")
_logger = logging.getLogger(__name__)


def judge() -> None:
    """Judge each task before it runs, and each execution before EventBridge starts it."""
    _judge_tasks()
    _judge_targets()


def _judge_tasks() -> None:
    error: Function = private(f"{MODULE}:_ExecutionError")
    machines = private(f"{MODULE}:_state_machines")
    pin_caller: Any = private("ministack.core.iam_evaluator:_request_caller_arn")

    @around(f"{MODULE}:_execute_task", f"{MODULE}:_execute_map")
    def run_as_role(
        state: Function, definition: Any, data: Any, execution: dict[str, Any], context: Any
    ) -> Any:
        # A child of a Distributed Map has the state machine's ARN, with a label behind it.
        machine = machines.get(execution.get("stateMachineArn", "").partition("/")[0])
        if machine is None:  # deleted meanwhile, or TestState, which has none
            return state(definition, data, execution, context)
        role = machine["roleArn"]
        token = _role.set(role)
        caller = pin_caller.set(session_of(role, SESSION).arn)
        try:
            return state(definition, data, execution, context)
        finally:
            pin_caller.reset(caller)
            _role.reset(token)

    @around(f"{MODULE}:_invoke_resource", f"{MODULE}:_invoke_with_callback")
    def invoke_if_allowed(invoke: Function, resource: str, arguments: Any, *rest: Any) -> Any:
        if ":activity:" not in resource:  # waits for a worker, and makes no call
            name, action, target = call_of(resource, arguments)
            try:
                for call in ((action, target, {}), *needed(action, target, arguments)):
                    authorize_task(*call)
            except AccessDeniedError as denial:
                raise error(name, str(denial)) from denial
        return invoke(resource, arguments, *rest)


def _judge_targets() -> None:
    """Start no execution that the target's role may not start; the event is lost, as on AWS."""

    @around(f"{EVENTS}:_invoke_target")
    def invoke_as_role(invoke: Function, target: dict[str, Any], *rest: Any) -> None:
        token = _target_role.set(target.get("RoleArn", ""))
        try:
            invoke(target, *rest)
        finally:
            _target_role.reset(token)

    @around(f"{EVENTS}:_dispatch_to_stepfunctions")
    def start_if_allowed(start: Function, machine: str, event: str) -> None:
        try:
            authorize_role(_target_role.get(), "EventBridge", "states:StartExecution", machine)
        except AccessDeniedError as denial:
            _logger.warning("EventBridge does not start %s: %s", machine, denial)
        else:
            start(machine, event)


def authorize_task(action: str, resource: str, context: Mapping[str, Any] | None = None) -> None:
    """Judge a call of the running state; raise AccessDeniedError unless it is allowed."""
    if is_enforced() and (role := _role.get()) is not None:
        authorize_role(role, SESSION, action, resource, context)


def call_of(resource: str, arguments: Any) -> tuple[str, str, str]:
    """Return the call that a task makes: name of its denial, action, and ARN of the resource."""
    parts = resource.split(":")
    if parts[2] == "lambda":  # the function's own ARN in place of an integration
        return ERRORS["lambda"], "lambda:InvokeFunction", resource
    if parts[5] == "aws-sdk":
        integration, operation = parts[6:8]
        known = private(f"{MODULE}:_AWS_SDK_SERVICE_MAP").get(integration, {})
        service = known.get("service_key", integration)
        prefixes = private(f"{MODULE}:_AWS_SDK_ERROR_PREFIX")
        prefix = prefixes.get(integration, integration.capitalize())
        error = f"{prefix}.{prefix}Exception"
    else:
        service, operation = parts[5:7]
        error = ERRORS.get(service, f"{service.capitalize()}.AccessDeniedException")
    operation = operation.partition(".")[0]  # without .sync
    if (service, operation) == ("lambda", "invoke"):
        return error, "lambda:InvokeFunction", _function_arn(str(arguments.get("FunctionName", "")))
    namespace = private(f"{ACTIONS}:SERVICE_TO_IAM_NAMESPACE").get(service, service)
    action = f"{namespace}:{operation[0].upper()}{operation[1:]}"
    return error, action, _resource(service, arguments)


def _function_arn(function: str) -> str:
    if function.startswith("arn:"):
        return function
    return f"arn:aws:lambda:{current_region()}:{current_account()}:function:{function}"


def _resource(service: str, arguments: Any) -> str:
    # In a state members begin with a capital; in requests of some services they do not.
    given = arguments if isinstance(arguments, dict) else {}
    members = {**given, **{f"{name[0].lower()}{name[1:]}": given[name] for name in given}}
    path = "/".join(["", *(str(given[name]) for name in ("Bucket", "Key") if name in given)])
    query = {name: [value] for name, value in members.items() if isinstance(value, str)}
    resource: str = private(f"{ACTIONS}:extract_resource_arn")(
        service,
        "POST",
        path or "/",
        {},
        json.dumps(members).encode(),
        query,
        current_region(),
        current_account(),
    )
    return resource
