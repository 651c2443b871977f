"""Runs inside a Python Lambda worker: a handler's outcome as AWS's own Python runtime reports it.

The source of this module is put in front of ministack's worker script, so it imports nothing of
this project. Source of the behaviour: https://github.com/aws/aws-lambda-python-runtime-interface-client
(bootstrap.py for errors; lambda_runtime_marshaller.py: simplejson writes bytes as text).
"""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

HANDLER_ERROR = "localcloud:handler-error"
END_OF_LOG = "localcloud:end-of-log"

Handler = Callable[[Any, Any], Any]


def as_on_aws(handler: Handler) -> Handler:
    """`handler`, returning plain JSON values, or `{HANDLER_ERROR: report}` instead of raising."""

    def outcome(event: Any, context: Any) -> Any:
        try:
            return result_of(event, context)
        finally:
            # On a line of its own, whatever the handler wrote last; see lambda_log.py.
            print("", END_OF_LOG, sep="\n", file=sys.stderr)

    def result_of(event: Any, context: Any) -> Any:
        try:
            result = handler(event, context)
        except Exception as error:
            # The first frame is this one; the author of the handler has no use for it.
            frames = traceback.format_tb(error.__traceback__)[1:]
            return _failure(context, type(error).__name__, str(error), frames)
        try:
            return json.loads(json.dumps(result, default=_bytes_as_text))
        except (TypeError, ValueError) as error:
            message = f"Unable to marshal response: {error}"
            return _failure(context, "Runtime.MarshalError", message, [])

    return outcome


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _failure(context: Any, kind: str, message: str, stack: list[str]) -> dict[str, Any]:
    log = ["Traceback (most recent call last):", *stack] if stack else []
    print(f"[ERROR] {kind}: {message}", *(line.rstrip() for line in log), sep="\n", file=sys.stderr)
    return {
        HANDLER_ERROR: {
            "errorMessage": message,
            "errorType": kind,
            "requestId": context.aws_request_id,
            "stackTrace": stack,
        }
    }
