"""Lists are filtered, ordered and cut into pages as the API's parameters say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.sagemaker import listing
from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.store import Record, Scope

START = datetime(2024, 1, 1, tzinfo=UTC)


def records() -> list[Record]:
    return [
        Record(
            scope=Scope("123456789012", "us-east-1"),
            name=name,
            arn=f"arn:{name}",
            request={},
            created=START + timedelta(days=day),
            modified=START + timedelta(days=day + 10),
            status=status,
        )
        for day, (name, status) in enumerate(
            [("bicycle", "Failed"), ("apple", "Completed"), ("cycle", "Completed")]
        )
    ]


def names(**request: Any) -> list[str]:
    found, _ = listing.page(records(), request, default_order="Ascending")
    return [record.name for record in found]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["bicycle", "apple", "cycle"]),
        ({"SortOrder": "Descending"}, ["cycle", "apple", "bicycle"]),
        ({"SortBy": "Name"}, ["apple", "bicycle", "cycle"]),
        ({"SortBy": "Status"}, ["apple", "cycle", "bicycle"]),
        ({"NameContains": "cycle"}, ["bicycle", "cycle"]),
        ({"StatusEquals": "Completed", "NameContains": "cycle"}, ["cycle"]),
        ({"CreationTimeAfter": START}, ["apple", "cycle"]),
        ({"CreationTimeBefore": START + timedelta(days=1)}, ["bicycle"]),
        ({"LastModifiedTimeAfter": START + timedelta(days=11)}, ["cycle"]),
        ({"WarmPoolStatusEquals": "InUse"}, []),
    ],
)
def test_filters_and_order(request_: dict[str, Any], expected: list[str]) -> None:
    assert names(**request_) == expected


def test_pages_follow_each_other_to_the_end() -> None:
    seen: list[str] = []
    token: dict[str, str] = {}
    for _ in range(2):
        found, following = listing.page(
            records(), {"MaxResults": 2, **token}, default_order="Ascending"
        )
        seen += [record.name for record in found]
        token = {"NextToken": following} if following else {}
    assert seen == ["bicycle", "apple", "cycle"]
    assert not token


def test_a_made_up_token_is_refused() -> None:
    with pytest.raises(ApiError, match="Invalid NextToken: abc"):
        names(NextToken="abc")
