"""The staged dataset, read back from where its pointer says."""

import json
from dataclasses import dataclass

from operations.aws import session


@dataclass(frozen=True)
class StagedDataset:
    """What is in S3."""

    source: str
    """"cifar-100" or "drawn"."""
    train: int
    """Pictures in train.lst."""
    truth: dict[str, str]
    """Class name by S3 key of each picture in validation.lst, in its order."""


def read_staged(*, bucket: str, parameter: str) -> StagedDataset:
    """The dataset that the SSM `parameter` (`datasets/<digest>`) points at in `bucket`."""
    prefix = session().client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    s3 = session().client("s3")

    def text(name: str) -> str:
        content: bytes = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
        return content.decode()

    manifest = json.loads(text("manifest.json"))
    rows = [line.split("\t") for line in text("validation.lst").splitlines()]
    return StagedDataset(
        source=manifest["source"],
        train=len(text("train.lst").splitlines()),
        truth={
            f"{prefix}/validation/{path}": manifest["classes"][int(label)]
            for _, label, path in rows
        },
    )
