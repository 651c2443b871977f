"""Treats buckets in CloudFormation, and lists their versions, as AWS does."""

import re
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import unescape

from localcloud.emulator.extension import Attributes, Properties, Response
from localcloud.emulator.names import Function, around, around_item, private

S3: Final = "ministack.services.s3"
HANDLERS: Final = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"

_ENCODED = re.compile(
    r"<(?P<tag>Key|Prefix|Delimiter|KeyMarker|NextKeyMarker)>(?P<text>.*?)</(?P=tag)>", re.DOTALL
)


class BucketNotEmpty(RuntimeError):
    """The bucket cannot be deleted yet."""


def repair() -> None:
    """Keep tags, refuse to delete what is not empty, and list versions as S3 does."""
    bucket = private(HANDLERS)["AWS::S3::Bucket"]
    _keep_tags(bucket)
    _delete_empty_ones_only(bucket)
    _list_versions()


def _keep_tags(bucket: dict[str, Function]) -> None:
    """Set the Tags, without which CDK does not empty a bucket at destroy: it looks for its own."""
    tags: dict[str, dict[str, str]] = private(f"{S3}:_bucket_tags")

    def tag(name: str, properties: Properties) -> None:
        tags[name] = {each["Key"]: each["Value"] for each in properties.get("Tags", [])}

    @around_item(bucket, "create")
    def create_tagged(
        create: Function, logical_id: str, properties: Properties, *rest: Any
    ) -> tuple[str, Attributes]:
        name, attributes = create(logical_id, properties, *rest)
        tag(name, properties)
        return name, attributes

    @around_item(bucket, "update")
    def update_tagged(
        update: Function, physical_id: str, old: Properties, new: Properties, *rest: Any
    ) -> tuple[str, Attributes]:
        name, attributes = update(physical_id, old, new, *rest)
        tag(name, new)
        return name, attributes


def _delete_empty_ones_only(bucket: dict[str, Function]) -> None:
    """Fail as on AWS. ministack drops the objects, so a destroy would pass here and fail there."""
    buckets: dict[str, dict[str, Any]] = private(f"{S3}:_buckets")

    @around_item(bucket, "delete")
    def delete_if_empty(delete: Function, name: str, properties: Properties) -> None:
        objects = len(buckets.get(name, {}).get("objects", ()))
        if objects:
            raise BucketNotEmpty(
                f"The bucket {name} you tried to delete is not empty: it holds {objects} objects "
                "(Service: S3, Status Code: 409, BucketNotEmpty)"
            )
        delete(name, properties)


def _list_versions() -> None:
    """Encode keys as URLs where that is asked for, and go on behind the marker.

    ministack answers with the keys themselves, which for a control character is no XML; and of a
    bucket without versions, a page begins with the last object of the page before.
    """
    versions: dict[tuple[str, str], Any] = private(f"{S3}:_object_versions")
    parameter: Function = private(f"{S3}:_qp")

    @around(f"{S3}:_list_object_versions")
    def list_encoded(list_versions: Function, bucket: str, query: dict[str, Any]) -> Response:
        if (bucket, parameter(query, "key-marker", "")) not in versions:
            query = {name: value for name, value in query.items() if name != "version-id-marker"}
        status, headers, body = list_versions(bucket, query)
        if status == 200 and parameter(query, "encoding-type", "") == "url":
            text = _ENCODED.sub(_encoded, body.decode())
            end = "</ListVersionsResult>"
            body = text.replace(end, f"<EncodingType>url</EncodingType>{end}").encode()
        return status, headers, body


def _encoded(element: re.Match[str]) -> str:
    tag, text = element["tag"], quote(unescape(element["text"]), safe="/")
    return f"<{tag}>{text}</{tag}>"
