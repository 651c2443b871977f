"""Instance types: offered in the region, and allowed in the numbers that the settings ask for.

Quota names such as "ml.g4dn.xlarge for training job usage" are those of the console, of
ResourceLimitExceeded and of ListServiceQuotas alike:
https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from preflight.aws import Aws
from preflight.finding import Finding, Verdict
from settings import Settings

SERVICE = "sagemaker"
PAGE_SIZE = 100  # the most there is; SageMaker has some 2,000 quotas

Quota = dict[str, Any]


@dataclass(frozen=True)
class Need:
    """Instances that a deployment starts."""

    setting: str
    """Key of the instance type in the settings."""
    quota: str
    """Name of the quota they count against."""
    instances: int
    at_most: int
    """Instances at the same time, at worst."""


def needs(settings: Settings) -> list[Need]:
    """What the settings ask for."""
    training, endpoint = settings.training, settings.endpoint
    needed = []
    if not training.model_data_url:
        needed.append(
            Need(
                "training.instance_type",
                f"{training.instance_type} for training job usage",
                training.instance_count,
                at_most=training.instance_count,
            )
        )
    if endpoint.enabled:
        needed.append(
            Need(
                "endpoint.instance_type",
                f"{endpoint.instance_type} for endpoint usage",
                endpoint.instance_count,
                # An update makes a new fleet while the old one serves (blue/green):
                # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
                at_most=2 * endpoint.instance_count,
            )
        )
    return needed


def quotas(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """There is a quota for each instance type, and it is large enough."""
    needed = needs(settings)
    if not needed:
        yield Finding(Verdict.OK, "none needed: no training, no endpoint")
        return
    names = {need.quota for need in needed}
    found = _find(aws, "list_service_quotas", names)
    # That list leaves out quotas whose applied value AWS does not know; their default holds.
    if missing := names - found.keys():
        found |= _find(aws, "list_aws_default_service_quotas", missing)
    for need in needed:
        yield _judge(need, found.get(need.quota), aws.region)


def _find(aws: Aws, operation: str, names: Set[str]) -> dict[str, Quota]:
    """Quotas by name; reads no page more than it has to."""
    pages = aws.client("service-quotas").get_paginator(operation)
    found: dict[str, Quota] = {}
    for page in pages.paginate(ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE_SIZE}):
        found |= {
            quota["QuotaName"]: quota for quota in page["Quotas"] if quota["QuotaName"] in names
        }
        if found.keys() == names:
            break
    return found


def _judge(need: Need, quota: Quota | None, region: str) -> Finding:
    if quota is None:
        return Finding(
            Verdict.PROBLEM,
            f"{region} has no quota {need.quota!r}: the instance type is not offered there",
            f"another {need.setting}, or another region",
        )
    if "Value" not in quota:
        reason = quota.get("ErrorReason", {}).get("ErrorMessage", "no reason given")
        return Finding(Verdict.NOT_CHECKED, f"quota {need.quota!r} has no value: {reason}")
    what = f"quota {need.quota!r} is {quota['Value']:g}"
    if quota["Value"] < need.instances:
        return Finding(
            Verdict.PROBLEM, f"{what}; needed: {need.instances}", _remedy(need, quota, region)
        )
    if quota["Value"] < need.at_most:
        return Finding(
            Verdict.NOTE,
            f"{what}, enough to deploy; an update starts new instances before it stops the old "
            f"ones, and fails with less than {need.at_most}",
            _remedy(need, quota, region),
        )
    return Finding(Verdict.OK, f"{what}; needed: {need.at_most}")


def _remedy(need: Need, quota: Quota, region: str) -> str:
    if not quota["Adjustable"]:
        return f"AWS does not raise it; another {need.setting}, or another region"
    return (
        f"aws service-quotas request-service-quota-increase --service-code {SERVICE} "
        f"--quota-code {quota['QuotaCode']} --desired-value {need.at_most} --region {region}"
    )
