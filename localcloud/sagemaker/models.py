"""Models: their operations, the local algorithm of their image, and their artifact."""

import re
import shutil
import tarfile
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.sagemaker import s3
from localcloud.sagemaker.contract import Failure, invalid, not_implemented
from localcloud.sagemaker.records import Record, Scope, Table
from training.cifar.archive import checked_members
from training.errors import ArchiveRefusedError
from training.paths import relative_path

MAX_MODEL_BYTES: Final = 1024**3
"""Unpacked. A model of the local algorithm has a few megabytes, one of 200 layers some 250."""


ALGORITHM: Final = "localcloud.algorithm"
"""The Python module that stands for every container, with the commands `train` and `serve`."""

# validation:accuracy is documented, https://docs.aws.amazon.com/sagemaker/latest/dg/IC-tuning.html;
# the lines have the form of MXNet's training log, which the real algorithm writes.
METRICS: Final = {
    "train:accuracy": r"Epoch\[\d+\] Train-accuracy=(\S+)",
    "validation:accuracy": r"Epoch\[\d+\] Validation-accuracy=(\S+)",
}
"""Metric name -> regular expression over lines of the training log, the value as group 1."""

_IMAGE: Final = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/image-classification([:@].+)?"
)


def check_image(image: str) -> None:
    """Refuse images other than the built-in algorithm's, of any account, region and tag."""
    if not _IMAGE.fullmatch(image):
        raise invalid(
            f"Requested image {image} not found. The local cloud runs no containers; it has an "
            "algorithm for the repository image-classification."
        )


class Model(Record):
    """A model of one container."""

    prefix = "Model"

    @property
    def container(self) -> dict[str, Any]:
        """The definition of its container."""
        containers = self.request.get("Containers") or [self.request["PrimaryContainer"]]
        container: dict[str, Any] = containers[0]
        return container

    @property
    def access(self) -> s3.Access:
        """Reads the artifact, and writes captures and the results of transform jobs."""
        return s3.Access(scope=self.scope, role=self.request["ExecutionRoleArn"])

    def fetch(self, folder: Path) -> None:
        """Download the artifact and unpack it into `folder`, or raise Failure."""
        url = self.container["ModelDataUrl"]
        bucket, key = s3.split_uri(url)
        archive = folder.with_suffix(".tar.gz")
        try:
            s3.client(self.access).download_file(bucket, key, str(archive))
        except ClientError as error:
            raise Failure(
                f'Failed to download model data from URL: "{url}". Please ensure that there is an '
                "object located at the URL and that the role passed to CreateModel has "
                f"permissions to download the object. ({error})"
            ) from error
        unpack(archive, folder, source=url)
        archive.unlink()


MODELS: Final = Table(Model, noun="model", listed_as="Models")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateModel: one container with a local algorithm's image and an existing artifact."""
    _check(request)
    model = Model(scope=scope, request=request)
    url = model.container["ModelDataUrl"]
    bucket, key = s3.split_uri(url)
    try:
        s3.client(model.access).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise invalid(f"Could not find model data at {url}.") from error
        raise invalid(
            f"Could not access model data at {url}. Please ensure that the role "
            f'"{request["ExecutionRoleArn"]}" exists and that its trust relationship policy allows '
            'the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also '
            'ensure that the role has "s3:GetObject" permissions and that the object is located in '
            f"{scope.region}."
        ) from error
    MODELS.add(model)
    return {"ModelArn": model.arn}


def _check(request: dict[str, Any]) -> None:
    if "ExecutionRoleArn" not in request:
        raise invalid("ExecutionRoleArn is required to create a model.")
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise invalid("Specify either PrimaryContainer or Containers, and not both.")
    containers = request.get("Containers") or [request["PrimaryContainer"]]
    if len(containers) > 1:
        raise not_implemented("models of several containers")
    (container,) = containers
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise not_implemented("multi-model containers")
    for member in ("Image", "ModelDataUrl"):
        if member not in container:
            raise not_implemented(f"containers without {member}")
    check_image(container["Image"])


def pack(folder: Path, archive: Path) -> None:
    """Write the contents of `folder`, not the folder itself, to a model.tar.gz."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, folder: Path, *, source: str) -> None:
    """Extract a model.tar.gz into `folder`; raise Failure, which names `source`, for others."""
    remedy = "pack the model without what serving does not need"
    try:
        for name, content in checked_members(archive, max_bytes=MAX_MODEL_BYTES, instead=remedy):
            # "." is how `tar -C model .` names the folder itself.
            target = folder if name == "." else folder / relative_path(name)
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(content, file)
    except (ArchiveRefusedError, ValueError, OSError) as error:
        raise Failure(
            f"Failed to extract model data archive from URL {source}: {error}. "
            "Please ensure that it is a valid tar.gz archive with relative member names.",
        ) from error
