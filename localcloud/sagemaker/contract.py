"""Requests, responses and errors of the APIs, checked against botocore's models of them.

botocore's ParamValidator checks types, minima, required and unknown members, as clients do before
they send. Services also refuse values that break an enumeration, a pattern or a maximum: these
checks follow the same models here and use the services' wording.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator

# The models' patterns are Java's; Python's `re` lacks these classes of it.
# ASCII occurs outside brackets, Print there and inside, the others inside.
_JAVA_CLASSES = {
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"[\p{Print}]": r"[\x20-\x7e]",
    r"\p{Print}": r"[\x20-\x7e]",
    r"\p{Alnum}": r"a-zA-Z0-9",
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",  # pairs of surrogates
    r"\z": r"\Z",
}
_LONGEST_QUOTED_VALUE = 256

Service = Literal["sagemaker", "sagemaker-runtime", "application-autoscaling"]


class ApiError(Exception):
    """A request is answered with an error.

    `code` is the error's name in the API's model, `status` the HTTP status; `fields` are further
    members of the error's shape, such as OriginalStatusCode of ModelError.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **fields: Any) -> None:
        """Keep the parts of the answer; `str()` of the error is `message`."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


class Failure(Exception):
    """A job or an endpoint failed; `str()` of the error becomes its FailureReason."""


def invalid(message: str) -> ApiError:
    """Return the error with which SageMaker's control plane refuses a request."""
    return ApiError("ValidationException", message)


def not_implemented(feature: str) -> ApiError:
    """Return the refusal of a feature that AWS has and the local cloud lacks."""
    return invalid(f"The local cloud does not implement {feature}.")


@cache
def operation_model(name: str, service: Service = "sagemaker") -> OperationModel:
    """Return botocore's model of an operation, such as `CreateModel`."""
    return _service_model(service).operation_model(name)


def input_shape(name: str, service: Service = "sagemaker") -> StructureShape:
    """Return the shape of an operation's request; all operations of these services have one."""
    return cast(StructureShape, operation_model(name, service).input_shape)


@cache
def _service_model(service: Service) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def parse_request(shape: StructureShape, request: object) -> dict[str, Any]:
    """Return a request decoded from JSON, checked, with timestamps as aware datetimes."""
    if not isinstance(request, dict):
        raise invalid(f"The request must be a JSON object, not {type(request).__name__}.")
    present = _without_nulls(request)
    report = ParamValidator().validate(present, shape)
    if report.has_errors():
        raise invalid(report.generate_report())
    check_constraints(shape, present)
    parsed: dict[str, Any] = _with_datetimes(shape, present)
    return parsed


def check_constraints(shape: Shape, value: object) -> None:
    """Refuse a value, whose types are right, that breaks enumerations, patterns or maxima."""
    violations = list(_violations(shape, value, ""))
    if violations:
        errors = "error" if len(violations) == 1 else "errors"
        raise invalid(f"{len(violations)} validation {errors} detected: " + "; ".join(violations))


def to_response(shape: Shape, value: Any) -> Any:
    """Return `value` as JSON: only members of the shape that are not None, times as epoch."""
    if isinstance(shape, StructureShape):
        return {
            name: to_response(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [to_response(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: to_response(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _with_datetimes(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {key: _with_datetimes(shape.members[key], item) for key, item in value.items()}
    if isinstance(shape, ListShape):
        return [_with_datetimes(shape.member, item) for item in value]
    if shape.type_name == "timestamp":
        return parse_timestamp(value)
    return value


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    for constraint in _broken_constraints(shape, value):
        quoted = value if isinstance(value, (str, int, float)) else f"[{len(value)} members]"
        yield (
            f"Value '{str(quoted)[:_LONGEST_QUOTED_VALUE]}' at '{path}' "
            f"failed to satisfy constraint: Member must {constraint}"
        )
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            inner = name[0].lower() + name[1:]
            yield from _violations(shape.members[name], item, f"{path}.{inner}".lstrip("."))
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, start=1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path}.key")
            yield from _violations(shape.value, item, f"{path}.{key}.value")


def _broken_constraints(shape: Shape, value: Any) -> Iterator[str]:
    allowed: list[str] = getattr(shape, "enum", [])
    if allowed and value not in allowed:
        yield f"satisfy enum value set: [{', '.join(allowed)}]"
    maximum = shape.metadata.get("max")
    if maximum is not None:
        if isinstance(value, (str, bytes, list, Mapping)):
            if len(value) > maximum:
                yield f"have length less than or equal to {maximum}"
        elif value > maximum:
            yield f"have value less than or equal to {maximum}"
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not python_pattern(pattern).fullmatch(value):
        yield f"satisfy regular expression pattern: {pattern}"


@cache
def python_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern of the API's model in Python's syntax."""
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
