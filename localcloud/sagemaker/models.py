"""Operations on models."""

from typing import Any

from botocore.exceptions import ClientError

from localcloud.sagemaker import listing, s3
from localcloud.sagemaker.errors import invalid, not_implemented
from localcloud.sagemaker.images import algorithm_of
from localcloud.sagemaker.store import Record, Scope, Table

MODELS: Table[Record] = Table(kind="model", noun="model")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateModel: one container with a local algorithm's image and an artifact that exists."""
    name = request["ModelName"]
    MODELS.check_free(scope, name)
    if "ExecutionRoleArn" not in request:
        raise invalid("ExecutionRoleArn is required to create a model.")
    container = single_container(request)
    algorithm_of(container["Image"])
    url = model_data_url(container)
    record = Record(scope=scope, name=name, arn=scope.arn(MODELS.kind, name), request=request)
    try:
        exists = s3.object_exists(access_of(record), url)
    except ClientError as error:
        raise invalid(
            f"Could not access model data at {url}. Please ensure that the role "
            f'"{request["ExecutionRoleArn"]}" exists and that its trust relationship policy allows '
            'the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also '
            'ensure that the role has "s3:GetObject" permissions and that the object is located in '
            f"{scope.region}."
        ) from error
    if not exists:
        raise invalid(f"Could not find model data at {url}.")
    MODELS.add(record)
    return {"ModelArn": record.arn}


def describe(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeModel."""
    model = MODELS.get(scope, request["ModelName"])
    return {**model.request, "ModelArn": model.arn, "CreationTime": model.created}


def list_models(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListModels."""
    models, token = listing.page(MODELS.all(scope), request, default_order="Descending")
    summaries = [
        {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
        for model in models
    ]
    return {"Models": summaries, "NextToken": token}


def delete(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteModel; endpoints that serve it go on."""
    MODELS.remove(scope, request["ModelName"])


def access_of(model: Record) -> s3.Access:
    """With which SageMaker reads a model, and writes what its servers answer."""
    return s3.Access(scope=model.scope, role=model.request["ExecutionRoleArn"])


def single_container(request: dict[str, Any]) -> dict[str, Any]:
    """The container of a model.

    Raises:
        ApiError: there is none, or several, or it lacks an image.
    """
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise invalid("Specify either PrimaryContainer or Containers, and not both.")
    containers = request.get("Containers") or [request["PrimaryContainer"]]
    if len(containers) > 1:
        raise not_implemented("models of several containers")
    container: dict[str, Any] = containers[0]
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise not_implemented("multi-model containers")
    if "Image" not in container:
        raise not_implemented("containers without an Image (model packages)")
    return container


def model_data_url(container: dict[str, Any]) -> str:
    """URI of a container's model.tar.gz.

    Raises:
        ApiError: it names none.
    """
    url: str | None = container.get("ModelDataUrl")
    if url is not None:
        return url
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        raise invalid("The container needs a ModelDataUrl: the algorithm has no built-in model.")
    if source["S3DataType"] != "S3Object" or source["CompressionType"] != "Gzip":
        raise not_implemented("model data other than one gzipped S3Object")
    uri: str = source["S3Uri"]
    return uri
