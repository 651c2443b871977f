"""CloudFormation refuses to delete a bucket that holds objects, as on AWS.

ministack drops the objects with it, so that a stack would pass here whose destroy fails there.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.extension import Properties
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"
BUCKETS = "ministack.services.s3:_buckets"


class BucketNotEmpty(RuntimeError):
    """The bucket cannot be deleted yet."""


def repair() -> None:
    """Check a bucket whenever CloudFormation deletes it."""
    bucket = private(HANDLERS)["AWS::S3::Bucket"]
    delete: Callable[[str, Properties], None] = bucket["delete"]
    buckets: dict[str, dict[str, Any]] = private(BUCKETS)

    @wraps(delete)
    def delete_if_empty(name: str, properties: Properties) -> None:
        objects = len(buckets.get(name, {}).get("objects", ()))
        if objects:
            raise BucketNotEmpty(
                f"The bucket {name} you tried to delete is not empty: it holds {objects} objects "
                "(Service: S3, Status Code: 409, BucketNotEmpty)"
            )
        delete(name, properties)

    bucket["delete"] = delete_if_empty
