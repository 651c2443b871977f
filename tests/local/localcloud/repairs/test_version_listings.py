"""Contract test of the listing of versions; it fails without its repair."""

from typing import Any

from localcloud.launcher import LocalCloud


def test_versions_of_any_key_are_listed_page_by_page(
    cloud: LocalCloud, bucket: str, put: Any
) -> None:
    keys = ["a\x01.png", "b +#%.png", "c&<>\r\n.png", "d/ü/🚲.png"]
    for key in keys:
        put(key, b"p")

    pages = cloud.client("s3").get_paginator("list_object_versions")
    found = list(pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))

    assert [each["Key"] for page in found for each in page["Versions"]] == keys
    assert len(found) == 2
    (one,) = pages.paginate(Bucket=bucket, Prefix=keys[0], Delimiter="+")
    assert (one["Prefix"], one["Delimiter"]) == (keys[0], "+")
    raw = cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="b", EncodingType="url")
    assert (raw["EncodingType"], raw["Versions"][0]["Key"]) == ("url", "b%20%2B%23%25.png")
