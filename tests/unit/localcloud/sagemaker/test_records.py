from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.sagemaker.contract import ApiError
from localcloud.sagemaker.records import Record, Scope, Table

START = datetime(2024, 1, 1, tzinfo=UTC)


SCOPE = Scope("123456789012", "us-east-1")


class Ride(Record):
    prefix = "Ride"


def rides() -> Table[Ride]:
    table = Table(Ride, listed_as="Rides", order="Ascending")
    for day, (name, status) in enumerate(
        [("bicycle", "Failed"), ("apple", "Completed"), ("cycle", "Completed")]
    ):
        table.add(
            Ride(
                scope=SCOPE,
                request={"RideName": name},
                created=START + timedelta(days=day),
                modified=START + timedelta(days=day + 10),
                status=status,
            )
        )
    return table


def names(**request: Any) -> list[str]:
    return [ride["RideName"] for ride in rides().listed(SCOPE, request)["Rides"]]


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
    ],
)
def test_filters_and_order(request_: dict[str, Any], expected: list[str]) -> None:
    assert names(**request_) == expected


def test_pages_follow_each_other_to_the_end() -> None:
    first = rides().listed(SCOPE, {"MaxResults": 2})
    second = rides().listed(SCOPE, {"MaxResults": 2, "NextToken": first["NextToken"]})

    assert [ride["RideName"] for ride in first["Rides"] + second["Rides"]] == names()
    assert second["NextToken"] is None


def test_a_made_up_token_is_refused() -> None:
    with pytest.raises(ApiError, match="Invalid NextToken: abc"):
        names(NextToken="abc")
