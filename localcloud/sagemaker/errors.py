"""Errors that clients of the API see, in answers and as FailureReason."""

from typing import Any


class ApiError(Exception):
    """A request that is answered with an error.

    `code` is the error's name in the API's model, `status` the HTTP status; `fields` are further
    members of the error's shape, e.g. OriginalStatusCode of ModelError.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **fields: Any) -> None:
        """Keep what the answer needs; `str()` of the error is `message`."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


def invalid(message: str) -> ApiError:
    """The error with which SageMaker's control plane refuses a request."""
    return ApiError("ValidationException", message)


def not_implemented(feature: str) -> ApiError:
    """Refusal of something that AWS has and the local cloud lacks; `feature` is named."""
    return invalid(f"The local cloud does not implement {feature}.")


class Failure(Exception):
    """Why a training job or an endpoint failed; `str()` of it becomes FailureReason."""
