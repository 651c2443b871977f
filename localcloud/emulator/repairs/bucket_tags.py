"""`AWS::S3::Bucket` keeps its Tags: at destroy CDK empties only a bucket that has its own tag."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.extension import Attributes, Properties
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"
BUCKET_TAGS = "ministack.services.s3:_bucket_tags"

Provision = Callable[..., tuple[str, Attributes]]


def repair() -> None:
    """Set the tags whenever CloudFormation creates or updates a bucket."""
    bucket = private(HANDLERS)["AWS::S3::Bucket"]
    tags: dict[str, dict[str, str]] = private(BUCKET_TAGS)

    def tagging(provision: Provision, *, properties_at: int) -> Provision:
        @wraps(provision)
        def provision_and_tag(*arguments: Any) -> tuple[str, Attributes]:
            name, attributes = provision(*arguments)
            properties: Properties = arguments[properties_at]
            tags[name] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
            return name, attributes

        return provision_and_tag

    bucket["create"] = tagging(bucket["create"], properties_at=1)
    bucket["update"] = tagging(bucket["update"], properties_at=2)
