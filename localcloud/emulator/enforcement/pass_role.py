"""iam:PassRole: whoever hands a role to a service must be allowed to.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Final

from localcloud.emulator.enforcement.judge import AccessDeniedError, authorize
from localcloud.emulator.enforcement.requests import document
from localcloud.emulator.names import private

ACTION: Final = "iam:PassRole"

ROLES_OF: Final = {
    "events:PutTargets": ("RoleArn", "events"),
    "lambda:CreateFunction": ("Role", "lambda"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda"),
    "sagemaker:CreateModel": ("ExecutionRoleArn", "sagemaker"),
    "sagemaker:CreateTrainingJob": ("RoleArn", "sagemaker"),
    "states:CreateStateMachine": ("roleArn", "states"),
    "states:UpdateStateMachine": ("roleArn", "states"),
}
"""Action -> member of the request that names the role, and the service that gets it."""

Handler = Callable[..., Awaitable[Any]]


def judge() -> None:
    """Judge the roles in requests before their services see them."""
    handlers = private("ministack.app:SERVICE_HANDLERS")
    for service in {action.partition(":")[0] for action in ROLES_OF}:
        handlers[service] = _judged(service, handlers[service])


def _judged(service: str, handler: Handler) -> Handler:
    action_of: Callable[..., str | None] = private("ministack.core.iam_actions:extract_iam_action")
    access_key_of: Callable[..., str] = private("ministack.core.router:extract_access_key_id")
    respond: Callable[..., Any] = private("ministack.core.iam_actions:access_denied_response")

    @wraps(handler)
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        action = action_of(service, method, path, headers, body, query)
        if action in ROLES_OF:
            member, recipient = ROLES_OF[action]
            context = {"iam:PassedToService": f"{recipient}.amazonaws.com"}
            try:
                for role in _roles(document(body), member):
                    authorize(access_key_of(headers, query), ACTION, role, context)
            except AccessDeniedError as error:
                return respond(service, ACTION, "", "", headers=headers, message=str(error))
        return await handler(method, path, headers, body, query)

    return handle


def _roles(request: dict[str, Any], member: str) -> Iterator[str]:
    """Yield the roles that a request names, or each of its targets."""
    for holder in (request, *request.get("Targets", [])):
        if holder.get(member):
            yield holder[member]
