"""Resources that exist: records by account, region and name."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Generic, TypeVar

from localcloud.emulator.extension import current_account, current_region
from localcloud.sagemaker.contract import ApiError, invalid

DEFAULT_PAGE: Final = 10


@dataclass(frozen=True)
class Scope:
    """The account and region that a request belongs to."""

    account: str
    region: str

    @classmethod
    def current(cls) -> "Scope":
        """Return the scope of the request that the emulator is serving."""
        return cls(account=current_account(), region=current_region())


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(kw_only=True, eq=False)
class Record:
    """One resource: the request that created it, and what all resources have."""

    prefix: ClassVar[str]
    """Begins the names of operations and members: `EndpointConfig`."""

    scope: Scope
    request: dict[str, Any]
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    status: str = ""
    tags: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Take the tags of the request."""
        self.tags = {tag["Key"]: tag["Value"] for tag in self.request.get("Tags", [])}

    @property
    def name(self) -> str:
        """The name that the request chose."""
        name: str = self.request[f"{self.prefix}Name"]
        return name

    @property
    def arn(self) -> str:
        """The ARN, whose kind is, for example, `endpoint-config`."""
        return arn_of(type(self), self.scope, self.name)

    def description(self) -> dict[str, Any]:
        """Return the members of the Describe operation, which include those of summaries."""
        return {**self.request, f"{self.prefix}Arn": self.arn, "CreationTime": self.created}


def kind_of(record: type[Record]) -> str:
    """Return how ARNs name resources of this type: `endpoint-config`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", record.prefix).lower()


def arn_of(record: type[Record], scope: Scope, name: str) -> str:
    """Return the ARN of a resource, whether it exists or not."""
    return f"arn:aws:sagemaker:{scope.region}:{scope.account}:{kind_of(record)}/{name}"


R = TypeVar("R", bound=Record)
Operation = Callable[[Scope, dict[str, Any]], dict[str, Any] | None]


class Table(Generic[R]):
    """The resources of one type, and its Describe and List operations; safe for use by threads."""

    def __init__(
        self,
        record: type[R],
        *,
        noun: str = "",
        listed_as: str,
        order: str = "Descending",
        missing: str = "",
        duplicate: str = "",
    ) -> None:
        """Take AWS's noun for the usual errors, or the texts of unusual ones.

        `listed_as` is the member of the List operation's response, `order` its default order.
        """
        self.record = record
        self._missing = missing or f'Could not find {noun} "{{arn}}".'
        self._duplicate = duplicate or f'Cannot create already existing {noun} "{{arn}}".'
        self._duplicate_code = "ResourceInUse" if duplicate else "ValidationException"
        self._listed_as = listed_as
        self._order = order
        self._records: dict[tuple[Scope, str], R] = {}
        self._lock = threading.Lock()

    def add(self, record: R) -> None:
        """Keep a new record, unless its name is taken."""
        with self._lock:
            if (record.scope, record.name) in self._records:
                raise ApiError(self._duplicate_code, self._duplicate.format(arn=record.arn))
            self._records[record.scope, record.name] = record

    def get(self, scope: Scope, name: str) -> R:
        """Return the record of that name, or refuse the request."""
        with self._lock:
            record = self._records.get((scope, name))
        if record is None:
            arn = arn_of(self.record, scope, name)
            raise invalid(self._missing.format(arn=arn, name=name))
        return record

    def remove(self, scope: Scope, name: str) -> None:
        """Forget the record of that name, or refuse the request."""
        self.get(scope, name)
        with self._lock:
            self._records.pop((scope, name), None)

    def describe(self, scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
        """Describe one resource."""
        return self.get(scope, request[f"{self.record.prefix}Name"]).description()

    def delete(self, scope: Scope, request: dict[str, Any]) -> None:
        """Delete one resource; what uses it goes on."""
        self.remove(scope, request[f"{self.record.prefix}Name"])

    def listed(self, scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
        """List the resources that pass the filters of the request, page by page."""
        with self._lock:
            records = [record for (owner, _), record in self._records.items() if owner == scope]
        kept = [
            record
            for record in records
            if all(
                _FILTERS[name](record, request[name]) for name in _FILTERS.keys() & request.keys()
            )
        ]
        kept.sort(
            key=_SORT_KEYS[request.get("SortBy", "CreationTime")],
            reverse=request.get("SortOrder", self._order) == "Descending",
        )
        token = request.get("NextToken", "0")
        if not token.isdecimal():
            raise invalid(f"Invalid NextToken: {token}")
        start = int(token)
        end = start + request.get("MaxResults", DEFAULT_PAGE)
        return {
            self._listed_as: [record.description() for record in kept[start:end]],
            "NextToken": str(end) if end < len(kept) else None,
        }


_FILTERS: Final[dict[str, Callable[[Record, Any], bool]]] = {
    "NameContains": lambda record, text: text in record.name,
    "StatusEquals": lambda record, status: record.status == status,
    "CreationTimeAfter": lambda record, time: record.created > time,
    "CreationTimeBefore": lambda record, time: record.created < time,
    "LastModifiedTimeAfter": lambda record, time: record.modified > time,
    "LastModifiedTimeBefore": lambda record, time: record.modified < time,
}
_SORT_KEYS: Final[dict[str, Callable[[Record], Any]]] = {
    "Name": lambda record: record.name,
    "CreationTime": lambda record: record.created,
    "Status": lambda record: record.status,
}
