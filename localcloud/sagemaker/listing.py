"""Filters, order and pages of the List operations, which all take the same parameters."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, Literal

from localcloud.sagemaker.errors import invalid
from localcloud.sagemaker.store import R, Record

DEFAULT_PAGE: Final = 10

_FILTERS: Final[dict[str, Callable[[Record, Any], bool]]] = {
    "NameContains": lambda record, text: text in record.name,
    "StatusEquals": lambda record, status: record.status == status,
    "CreationTimeAfter": lambda record, time: record.created > time,
    "CreationTimeBefore": lambda record, time: record.created < time,
    "LastModifiedTimeAfter": lambda record, time: record.modified > time,
    "LastModifiedTimeBefore": lambda record, time: record.modified < time,
    # Nothing here belongs to a warm pool or a training plan.
    "WarmPoolStatusEquals": lambda _record, _status: False,
    "TrainingPlanArnEquals": lambda _record, _arn: False,
}
_SORT_KEYS: Final[dict[str, Callable[[Record], Any]]] = {
    "Name": lambda record: record.name,
    "CreationTime": lambda record: record.created,
    "Status": lambda record: record.status,
}


def page(
    records: Iterable[R],
    request: dict[str, Any],
    *,
    default_order: Literal["Ascending", "Descending"],
) -> tuple[list[R], str | None]:
    """The page of `records` that `request` asks for, and the token of the next one, if any.

    Raises:
        ApiError: NextToken is none that an earlier page gave.
    """
    kept = [
        record
        for record in records
        if all(_FILTERS[name](record, request[name]) for name in _FILTERS.keys() & request.keys())
    ]
    kept.sort(
        key=_SORT_KEYS[request.get("SortBy", "CreationTime")],
        reverse=request.get("SortOrder", default_order) == "Descending",
    )
    token = request.get("NextToken", "0")
    if not token.isdecimal():
        raise invalid(f"Invalid NextToken: {token}")
    start = int(token)
    end = start + request.get("MaxResults", DEFAULT_PAGE)
    return list(islice(kept, start, end)), str(end) if end < len(kept) else None
