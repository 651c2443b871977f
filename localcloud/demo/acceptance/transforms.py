"""Batch transforms: started by a manifest, found again by their execution."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from operations.aws import session


@dataclass(frozen=True)
class Transform:
    """A manifest that was put, and the pictures that it names."""

    state_machine: str
    bucket: str
    manifest: str
    """Its key."""
    keys: tuple[str, ...]

    def ended_execution(self) -> dict[str, Any] | None:
        """Return the execution that the manifest started; None for as long as it runs."""
        client = session().client("stepfunctions")
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=self.state_machine)
        for each in pages.search("executions[]"):
            described: dict[str, Any] = dict(
                client.describe_execution(executionArn=each["executionArn"])
            )
            key = json.loads(described["input"]).get("object", {}).get("key")
            if key == self.manifest and described["status"] != "RUNNING":
                return described
        return None

    def folder(self, output: dict[str, Any]) -> str:
        """Return the key prefix of its results, which ends in the name of the transform job."""
        return str(output["location"]).removeprefix(f"s3://{self.bucket}/").rpartition("/")[0]

    def raw_outputs(self, output: dict[str, Any]) -> list[str]:
        """Return what SageMaker wrote, as keys below the job's output path."""
        prefix = f"{self.folder(output)}/raw/"
        pages = (
            session()
            .client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=prefix)
        )
        return sorted(
            each["Key"].removeprefix(prefix) for each in pages.search("Contents[]") if each
        )


def put_manifest(bucket: str, key: str, pictures: Sequence[str]) -> str:
    """Put the manifest of these pictures; return its key."""
    body = json.dumps([{"prefix": f"s3://{bucket}/"}, *pictures])
    session().client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())
    return key
