"""Grants, each wildcard with its reason."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge_granted_wildcard
from stacks.s3_layout import Folder


def allow(
    grantee: iam.IGrantable,
    *actions: str,
    on: str,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    why_wildcard: str | None = None,
) -> None:
    """Allow actions `on` an ARN, under `conditions`; raise ValueError for "*" without reason."""
    iam.Grant.add_to_principal(
        grantee=grantee, actions=list(actions), resource_arns=[on], conditions=conditions
    )
    if "*" in on:
        if not why_wildcard:
            raise ValueError(
                f"{', '.join(actions)} on {on}: say in why_wildcard why it needs the '*'"
            )
        acknowledge_granted_wildcard(grantee, on, reason=why_wildcard)


def allow_keys(
    grantee: iam.IGrantable, *actions: str, bucket: s3.IBucket, folder: Folder, name: str = ""
) -> None:
    """Allow the actions on every key of a folder, or on the `name` in each folder in it."""
    keys = bucket.arn_for_objects(f"{folder.keys}{name}")
    allow(grantee, *actions, on=keys, why_wildcard=folder.why_all)


def allow_listing(
    grantee: iam.IGrantable, *buckets: str | s3.IBucket, prefix: str | None = None
) -> None:
    """Allow to list the keys of buckets (or their ARNs) by `prefix`, which may end in "*".

    Without it, S3 answers 403 instead of 404 for a key that does not exist.
    """
    conditions = {"StringLike": {"s3:prefix": prefix}} if prefix else None
    for bucket in buckets:
        arn = bucket if isinstance(bucket, str) else bucket.bucket_arn
        allow(grantee, "s3:ListBucket", on=arn, conditions=conditions)


def allow_endpoint(grantee: iam.IGrantable, settings: Settings) -> None:
    """Allow to call the endpoint."""
    assert isinstance(grantee, Construct)
    endpoint_arn = arn(grantee, "sagemaker", f"endpoint/{settings.endpoint_name}")
    allow(grantee, "sagemaker:InvokeEndpoint", on=endpoint_arn)


def allow_metrics(grantee: iam.IGrantable, namespace: str | list[str]) -> None:
    """Allow to publish metrics of a namespace, or of any in a list."""
    allow(
        grantee,
        "cloudwatch:PutMetricData",
        on="*",
        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
        why_wildcard="cloudwatch:PutMetricData knows no resources; the namespace narrows it.",
    )


def arn(scope: Construct, service: str, resource: str) -> str:
    """Return the ARN of a resource in the stack's account and region."""
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{resource}"


def s3_arn(scope: Construct, bucket: str, key: str | None = None) -> str:
    """Return the ARN of a bucket, or of a key in it, that may be outside these stacks."""
    return cdk.Stack.of(scope).format_arn(
        service="s3", region="", account="", resource=bucket, resource_name=key
    )


def service_names(prefix: str) -> list[str]:
    """Return the names a service may have in a condition; in China, some end in ".cn"."""
    return [f"{prefix}.amazonaws.com", f"{prefix}.amazonaws.com.cn"]
