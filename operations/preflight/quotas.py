"""Instance types: offered in the region, and allowed in the numbers that the settings ask for.

Quota names such as "ml.g4dn.xlarge for training job usage" are those of the console, of
ResourceLimitExceeded and of ListServiceQuotas alike:
https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

SERVICE = "sagemaker"
PAGE_SIZE = 100  # the most there is; SageMaker has some 2,000 quotas

# Of the account, for all types together.
ALL_TRAINING = "Number of instances across all training jobs"
ALL_SPOT_TRAINING = "Number of instances across all spot training jobs"
ALL_ENDPOINTS = "Number of instances across active endpoints"
ALL_TRANSFORM = "Number of instances across all transform jobs"

Quota = dict[str, Any]


@dataclass(frozen=True)
class Need:
    """Instances that count against one quota."""

    quota: str
    """Name of the quota."""
    type_setting: str | None
    """Key of the instance type in the settings; None if the quota is that of all types."""
    starts: int
    """Instances that a deployment starts."""
    runs: int
    """Instances that run later, at most."""
    updates: int
    """Instances at the same time while an update runs; 0 if there is no such thing."""

    @property
    def most(self) -> int:
        """Instances at the same time, at worst."""
        return max(self.runs, self.updates)


def needs(settings: Settings) -> list[Need]:
    """What the settings ask for."""
    return [
        *_training_needs(settings),
        *_endpoint_needs(settings),
        *_transform_needs(settings),
    ]


def _training_needs(settings: Settings) -> Iterator[Need]:
    training = settings.training
    if training.model_data_url:
        return
    # Spot instances are counted apart from those on demand.
    if training.spot.enabled:
        usage, of_all = "spot training job usage", ALL_SPOT_TRAINING
    else:
        usage, of_all = "training job usage", ALL_TRAINING
    count = training.instance_count
    for quota, setting in (
        (f"{training.instance_type} for {usage}", "training.instance_type"),
        (of_all, None),
    ):
        yield Need(quota, setting, starts=count, runs=count, updates=count)


def _endpoint_needs(settings: Settings) -> Iterator[Need]:
    endpoint = settings.endpoint
    if not endpoint.enabled:
        return
    scaling = endpoint.autoscaling
    runs = scaling.max_instances if scaling.enabled else endpoint.instance_count
    for quota, setting in (
        (f"{endpoint.instance_type} for endpoint usage", "endpoint.instance_type"),
        (ALL_ENDPOINTS, None),
    ):
        # An update makes the whole new fleet before traffic shifts, in one step or in several, and
        # with as many instances as scaling has chosen:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
        yield Need(quota, setting, starts=endpoint.instance_count, runs=runs, updates=2 * runs)


def _transform_needs(settings: Settings) -> Iterator[Need]:
    batch = settings.batch_transform
    for quota, setting in (
        (f"{batch.instance_type} for transform job usage", "batch_transform.instance_type"),
        (ALL_TRANSFORM, None),
    ):
        # Nothing of it runs before there is a manifest.
        yield Need(quota, setting, starts=0, runs=batch.instance_count, updates=0)


def quotas(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """There is a quota for each instance type, and it is large enough."""
    needed = {need.quota: need for need in needs(settings)}
    # The first list leaves out quotas whose applied value AWS does not know; their default holds.
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for quota in _find(aws, operation, needed.keys()):
            yield _judge(needed.pop(quota["QuotaName"]), quota, aws.region)
    for need in needed.values():
        yield _not_listed(need, aws.region)


def _find(aws: Aws, operation: str, names: Set[str]) -> Iterator[Quota]:
    """Quotas of these names, each as it is found.

    The caller takes what it got out of `names`; once that is empty, nothing more is read.
    """
    if not names:
        return
    pages = aws.client("service-quotas").get_paginator(operation)
    for page in pages.paginate(ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE_SIZE}):
        yield from (quota for quota in page["Quotas"] if quota["QuotaName"] in names)
        if not names:
            return


def _judge(need: Need, quota: Quota, region: str) -> Finding:
    if "Value" not in quota:
        reason = quota.get("ErrorReason", {}).get("ErrorMessage", "no reason given")
        return Finding(Verdict.NOT_CHECKED, f"quota {need.quota!r} has no value: {reason}")
    allowed = int(quota["Value"])
    what, remedy = f"quota {need.quota!r} is {allowed}", _remedy(need, quota, region)
    if allowed < need.starts:
        return Finding(Verdict.PROBLEM, f"{what}; needed: {need.starts}", remedy)
    if allowed < need.runs and not need.starts:
        return Finding(
            Verdict.NOTE,
            f"{what}, enough to deploy; a batch transform would wait in vain for the "
            f"{need.runs} it needs",
            remedy,
        )
    if allowed < need.runs:
        return Finding(
            Verdict.NOTE,
            f"{what}, enough to deploy; scaling ends there, below "
            f"endpoint.autoscaling.max_instances = {need.runs}, and an update needs twice the "
            "instances that run",
            remedy,
        )
    if allowed < need.updates:
        return Finding(
            Verdict.NOTE,
            f"{what}, enough to deploy; an update starts as many new instances as run before it "
            f"stops these: up to {need.updates} in all, and it fails where the quota is less",
            remedy,
        )
    return Finding(Verdict.OK, f"{what}; needed: {need.most}")


def _not_listed(need: Need, region: str) -> Finding:
    if need.type_setting is None:
        return Finding(Verdict.NOT_CHECKED, f"{region} lists no quota {need.quota!r}")
    return Finding(
        Verdict.PROBLEM if need.starts else Verdict.NOTE,
        f"{region} has no quota {need.quota!r}: the instance type is not offered there",
        f"another {need.type_setting}, or another region",
    )


def _remedy(need: Need, quota: Quota, region: str) -> str:
    if not quota["Adjustable"]:
        other = f"another {need.type_setting}" if need.type_setting else "fewer instances"
        return f"AWS does not raise it; {other}, or another region"
    return (
        f"aws service-quotas request-service-quota-increase --service-code {SERVICE} "
        f"--quota-code {quota['QuotaCode']} --desired-value {need.most} --region {region}"
    )
