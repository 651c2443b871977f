"""What exists: records of resources by account, region and name."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from localcloud.sagemaker.errors import ApiError, invalid


@dataclass(frozen=True)
class Scope:
    """The account and region that a request belongs to."""

    account: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource, e.g. kind `endpoint-config`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name}"


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(kw_only=True, eq=False)
class Record:
    """One resource: the request that created it, and what all resources have."""

    scope: Scope
    name: str
    arn: str
    request: dict[str, Any]
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    status: str = ""

    tags: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Take the tags of the request."""
        self.tags = {tag["Key"]: tag["Value"] for tag in self.request.get("Tags", [])}


R = TypeVar("R", bound=Record)


class Table(Generic[R]):
    """The resources of one kind; safe for use by several threads."""

    def __init__(self, *, kind: str, noun: str) -> None:
        """Name the kind as ARNs do (`endpoint-config`), and as messages do."""
        self.kind = kind
        self._noun = noun
        self._records: dict[tuple[Scope, str], R] = {}
        self._lock = threading.Lock()

    def add(self, record: R) -> None:
        """Keep a new record.

        Raises:
            ApiError: there is one of that name.
        """
        with self._lock:
            if (record.scope, record.name) in self._records:
                raise self._duplicate(record.arn)
            self._records[record.scope, record.name] = record

    def check_free(self, scope: Scope, name: str) -> None:
        """Refuse a name that is taken, before work for it is done.

        Raises:
            ApiError: there is a record of that name.
        """
        with self._lock:
            if (scope, name) in self._records:
                raise self._duplicate(scope.arn(self.kind, name))

    def get(self, scope: Scope, name: str) -> R:
        """The record of that name.

        Raises:
            ApiError: there is none.
        """
        with self._lock:
            record = self._records.get((scope, name))
        if record is None:
            raise self._missing(scope.arn(self.kind, name))
        return record

    def remove(self, scope: Scope, name: str) -> R:
        """Forget the record of that name, and return it.

        Raises:
            ApiError: there is none.
        """
        with self._lock:
            record = self._records.pop((scope, name), None)
        if record is None:
            raise self._missing(scope.arn(self.kind, name))
        return record

    def all(self, scope: Scope) -> list[R]:
        """The records of one account and region, in the order of their creation."""
        with self._lock:
            return [record for (owner, _), record in self._records.items() if owner == scope]

    def _missing(self, arn: str) -> ApiError:
        return invalid(f'Could not find {self._noun} "{arn}".')

    def _duplicate(self, arn: str) -> ApiError:
        return invalid(f'Cannot create already existing {self._noun} "{arn}".')
