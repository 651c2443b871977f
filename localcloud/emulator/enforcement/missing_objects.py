"""Whoever may not list a bucket is not told that an object is missing: it is denied instead.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, under Permissions
"""

from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from localcloud.emulator.enforcement.judge import AccessDeniedError, authorize
from localcloud.emulator.extension import ServiceHandler
from localcloud.emulator.names import private

ACTION: Final = "s3:ListBucket"


def judge() -> None:
    """Judge the caller again whose object is missing."""
    handlers = private("ministack.app:SERVICE_HANDLERS")
    buckets = private("ministack.services.s3:_buckets")
    access_key_of: Any = private("ministack.core.router:extract_access_key_id")
    respond: Any = private("ministack.core.iam_actions:access_denied_response")
    handle: ServiceHandler = handlers["s3"]

    @wraps(handle)
    async def handle_and_conceal(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Any:
        answer = await handle(method, path, headers, body, query)
        bucket, _, key = path.lstrip("/").partition("/")
        missing = answer[0] == HTTPStatus.NOT_FOUND and method in ("GET", "HEAD")
        if not (missing and key and buckets.get(bucket)):
            return answer
        try:
            authorize(access_key_of(headers, query), ACTION, f"arn:aws:s3:::{bucket}")
        except AccessDeniedError as error:
            status, denied, content = respond("s3", ACTION, "", "", message=str(error))
            return status, denied, b"" if method == "HEAD" else content
        return answer

    handlers["s3"] = handle_and_conceal
