"""Operations on tags, of any resource that has an ARN."""

from typing import Any, Final

from localcloud.sagemaker.endpoint_configs import ENDPOINT_CONFIGS
from localcloud.sagemaker.endpoints import ENDPOINTS
from localcloud.sagemaker.errors import invalid
from localcloud.sagemaker.models import MODELS
from localcloud.sagemaker.store import Record, Scope, Table
from localcloud.sagemaker.training_jobs import TRAINING_JOBS
from localcloud.sagemaker.transform_jobs import TRANSFORM_JOBS

MOST_TAGS: Final = 50

_TABLES: Final[dict[str, Table[Any]]] = {
    table.kind: table
    for table in (TRAINING_JOBS, TRANSFORM_JOBS, MODELS, ENDPOINT_CONFIGS, ENDPOINTS)
}


def add(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """AddTags; a key that is there gets the new value."""
    record = _record(scope, request["ResourceArn"])
    merged = record.tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if len(merged) > MOST_TAGS:
        raise invalid(f"{record.arn} would have {len(merged)} tags; at most {MOST_TAGS} can be.")
    record.tags = merged
    return {"Tags": _as_list(merged)}


def list_tags(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListTags; there are never more than fit on one page."""
    return {"Tags": _as_list(_record(scope, request["ResourceArn"]).tags)}


def delete(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteTags; keys that are not there do not matter."""
    record = _record(scope, request["ResourceArn"])
    gone = set(request["TagKeys"])
    record.tags = {key: value for key, value in record.tags.items() if key not in gone}
    return {}


def _record(scope: Scope, arn: str) -> Record:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind not in _TABLES or arn != scope.arn(kind, name):
        raise invalid(f"No resource of account {scope.account}, region {scope.region} is {arn}.")
    record: Record = _TABLES[kind].get(scope, name)
    return record


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
