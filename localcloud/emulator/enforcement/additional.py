"""Actions that a request needs beside its own.

- iam:PassRole for a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
- sagemaker:AddTags for tags.
- s3:ListBucket to be told that an object is missing; without it, it is denied:
  https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions
"""

from collections.abc import Iterator, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from localcloud.emulator.enforcement.judge import AccessDeniedError, authorize
from localcloud.emulator.enforcement.requests import document
from localcloud.emulator.extension import Response, current_account, current_region
from localcloud.emulator.names import Function, around_item, private

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

ACTIONS: Final = "ministack.core.iam_actions"
LIST: Final = "s3:ListBucket"


def judge() -> None:
    """Judge what else a request needs before its service sees it, or its answer is sent."""
    handlers = private("ministack.app:SERVICE_HANDLERS")
    for service in {action.partition(":")[0] for action in ROLES_OF}:
        _judge_implied_calls(service, handlers)
    _conceal_missing_objects(handlers)


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


def _judge_implied_calls(service: str, handlers: MutableMapping[str, Function]) -> None:
    action_of: Function = private(f"{ACTIONS}:extract_iam_action")
    resource_of: Function = private(f"{ACTIONS}:extract_resource_arn")
    respond: Function = private(f"{ACTIONS}:access_denied_response")
    access_key_of: Function = private("ministack.core.router:extract_access_key_id")

    @around_item(handlers, service)
    async def handle_judged(handle: Function, *request: Any) -> Any:
        _method, _path, headers, body, query = request
        action = action_of(service, *request)
        if action in ROLES_OF or service == "sagemaker":
            resource = resource_of(service, *request, current_region(), current_account())
            for other, target, context in needed(action or "", resource, document(body)):
                try:
                    authorize(access_key_of(headers, query), other, target, context)
                except AccessDeniedError as error:
                    return respond(service, other, "", "", headers=headers, message=str(error))
        return await handle(*request)


def _conceal_missing_objects(handlers: MutableMapping[str, Function]) -> None:
    buckets = private("ministack.services.s3:_buckets")
    access_key_of: Function = private("ministack.core.router:extract_access_key_id")
    respond: Function = private(f"{ACTIONS}:access_denied_response")

    @around_item(handlers, "s3")
    async def handle_and_conceal(handle: Function, *request: Any) -> Response:
        method, path, headers, _body, query = request
        answer: Response = await handle(*request)
        bucket, _, key = path.lstrip("/").partition("/")
        missing = answer[0] == HTTPStatus.NOT_FOUND and method in ("GET", "HEAD")
        if not (missing and key and buckets.get(bucket)):
            return answer
        try:
            authorize(access_key_of(headers, query), LIST, f"arn:aws:s3:::{bucket}")
        except AccessDeniedError as error:
            status, denied, content = respond("s3", LIST, "", "", message=str(error))
            return status, denied, b"" if method == "HEAD" else content
        return answer
