"""Actions that a request needs beside its own: iam:PassRole for a role, sagemaker:AddTags for tags.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Final

from localcloud.emulator.enforcement.judge import AccessDeniedError, authorize
from localcloud.emulator.enforcement.requests import document
from localcloud.emulator.extension import current_account, current_region
from localcloud.emulator.names import private

ROLES_OF: Final = {
    "events:PutTargets": "RoleArn",
    "lambda:CreateFunction": "Role",
    "lambda:UpdateFunctionConfiguration": "Role",
    "sagemaker:CreateModel": "ExecutionRoleArn",
    "sagemaker:CreateTrainingJob": "RoleArn",
    "states:CreateStateMachine": "roleArn",
    "states:UpdateStateMachine": "roleArn",
}
"""Action -> member of its request that names a role for the service to use."""

Handler = Callable[..., Awaitable[Any]]


def judge() -> None:
    """Judge what else a request needs before its service sees it."""
    handlers = private("ministack.app:SERVICE_HANDLERS")
    for service in {action.partition(":")[0] for action in ROLES_OF}:
        handlers[service] = _judged(service, handlers[service])


def needed(
    action: str, resource: str, request: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield action, resource and condition keys of each call that `request` implies."""
    service, _, operation = action.partition(":")
    if action in ROLES_OF:
        for holder in (request, *request.get("Targets", [])):
            if role := holder.get(ROLES_OF[action]):
                yield "iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"}
    if service == "sagemaker" and operation.startswith("Create") and request.get("Tags"):
        yield "sagemaker:AddTags", resource, {"sagemaker:TaggingAction": operation}


def _judged(service: str, handler: Handler) -> Handler:
    actions = "ministack.core.iam_actions"
    action_of: Callable[..., str | None] = private(f"{actions}:extract_iam_action")
    resource_of: Callable[..., str] = private(f"{actions}:extract_resource_arn")
    respond: Callable[..., Any] = private(f"{actions}:access_denied_response")
    access_key_of: Callable[..., str] = private("ministack.core.router:extract_access_key_id")

    @wraps(handler)
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        request = (method, path, headers, body, query)
        action = action_of(service, *request)
        if action in ROLES_OF or service == "sagemaker":
            resource = resource_of(service, *request, current_region(), current_account())
            for other, target, context in needed(action or "", resource, document(body)):
                try:
                    authorize(access_key_of(headers, query), other, target, context)
                except AccessDeniedError as error:
                    return respond(service, other, "", "", headers=headers, message=str(error))
        return await handler(*request)

    return handle
