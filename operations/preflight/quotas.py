"""Checks of quotas: instance types and their numbers, and concurrent function calls.

Quota names such as "ml.g4dn.xlarge for training job usage" are those of the console, of
ResourceLimitExceeded and of ListServiceQuotas alike:
https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict, ok, problem
from settings import Settings

SERVICE = "sagemaker"
PAGE_SIZE = 100  # the maximum; SageMaker has some 2,000 quotas

# Of the account, for all types together.
ALL_TRAINING = "Number of instances across all training jobs"
ALL_SPOT_TRAINING = "Number of instances across all spot training jobs"
ALL_ENDPOINTS = "Number of instances across active endpoints"
ALL_TRANSFORM = "Number of instances across all transform jobs"

CONCURRENCY = "L-B99A9384"  # Lambda's "Concurrent executions"
USUAL_CONCURRENCY = 1000  # a new account may have 10

Quota = dict[str, Any]


@dataclass(frozen=True)
class Need:
    """Instances that count against one quota."""

    quota: str
    """Name of the quota."""
    type_setting: str | None
    """Key of the instance type in the settings; None for the quota of all types."""
    starts: int
    """Instances that a deployment starts."""
    runs: int
    """Most instances that run later."""
    updates: int = 0
    """Instances that exist during an update of the endpoint."""

    @property
    def most(self) -> int:
        """Return the largest number of instances at the same time."""
        return max(self.runs, self.updates)


def needs(settings: Settings) -> Iterator[Need]:
    """Yield what the settings ask for, from the quota of the type and that of all types."""
    training, endpoint, batch = settings.training, settings.endpoint, settings.batch_transform
    if not training.model_data_url:
        # Spot instances are counted apart from those on demand.
        spot = training.spot.enabled
        usage = "spot training job usage" if spot else "training job usage"
        count = training.instance_count
        of_type = f"{training.instance_type} for {usage}"
        yield Need(of_type, "training.instance_type", starts=count, runs=count)
        yield Need(ALL_SPOT_TRAINING if spot else ALL_TRAINING, None, starts=count, runs=count)
    if endpoint.enabled:
        scaling, count = endpoint.autoscaling, endpoint.instance_count
        runs = scaling.max_instances if scaling.enabled else count
        # An update creates the whole new fleet before traffic shifts, in one step or in several,
        # and with as many instances as scaling has chosen:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
        of_type = f"{endpoint.instance_type} for endpoint usage"
        yield Need(of_type, "endpoint.instance_type", starts=count, runs=runs, updates=2 * runs)
        yield Need(ALL_ENDPOINTS, None, starts=count, runs=runs, updates=2 * runs)
    # A deployment starts no transform job: there is no manifest yet.
    of_type = f"{batch.instance_type} for transform job usage"
    yield Need(of_type, "batch_transform.instance_type", starts=0, runs=batch.instance_count)
    yield Need(ALL_TRANSFORM, None, starts=0, runs=batch.instance_count)


def quotas(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that there is a large enough quota for each instance type."""
    needed = {need.quota: need for need in needs(settings)}
    # The first list leaves out quotas whose applied value AWS does not know; their default holds.
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for quota in _find(aws, operation, needed.keys()):
            yield _judge(needed.pop(quota["QuotaName"]), quota, aws.region)
    for need in needed.values():
        if need.type_setting is None:
            yield Finding(Verdict.NOT_CHECKED, f"{aws.region} lists no quota {need.quota!r}")
        else:
            yield Finding(
                Verdict.PROBLEM if need.starts else Verdict.NOTE,
                f"{aws.region} has no quota {need.quota!r}: the instance type is not offered there",
                f"another {need.type_setting}, or another region",
            )


def _find(aws: Aws, operation: str, names: Set[str]) -> Iterator[Quota]:
    """Yield the quotas of these names as they are found.

    The caller removes what it got from `names`; once that is empty, nothing more is read.
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
    what = f"quota {need.quota!r} is {allowed}"
    if allowed >= need.most:
        return ok(f"{what}; needed: {need.most}")
    remedy = _remedy(need, quota, region)
    if allowed < need.starts:
        return problem(f"{what}; needed: {need.starts}", remedy)
    if not need.starts:
        later = f"a batch transform would wait in vain for the {need.runs} it needs"
    elif allowed < need.runs:
        later = (
            f"scaling ends there, below endpoint.autoscaling.max_instances = {need.runs}, and an "
            "update needs twice the instances that run"
        )
    else:
        later = (
            "an update starts as many new instances as run before it stops these: up to "
            f"{need.updates} in all, and it fails if the quota is less"
        )
    return Finding(Verdict.NOTE, f"{what}, enough to deploy; {later}", remedy)


def _remedy(need: Need, quota: Quota, region: str) -> str:
    if not quota["Adjustable"]:
        other = f"another {need.type_setting}" if need.type_setting else "fewer instances"
        return f"AWS does not raise it; {other}, or another region"
    return _increase(SERVICE, quota["QuotaCode"], need.most, region)


def _increase(service: str, code: str, value: int, region: str) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} "
        f"--quota-code {code} --desired-value {value} --region {region}"
    )


def concurrency(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that Lambda runs as many functions at a time as the settings ask for."""
    limit = aws.client("lambda").get_account_settings()["AccountLimit"]
    total, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    asked = {"workflow.max_concurrency": settings.workflow.max_concurrency}
    if settings.endpoint.enabled:
        asked["bulk.max_concurrency"] = settings.bulk.max_concurrency
    needed = sum(asked.values())
    reserved = f" ({total - free} more are reserved)" if free < total else ""
    allowed = f"{free} function calls at a time in {aws.region}{reserved}"
    wanted = " and ".join(f"{key} = {value}" for key, value in asked.items())
    if needed <= free:
        yield ok(f"{allowed}; {wanted} need {needed}")
        return
    value = max(USUAL_CONCURRENCY, total + needed - free)
    yield Finding(
        Verdict.NOTE,
        f"{allowed}, enough to deploy; {wanted} start up to {needed}. Lambda throttles the rest, "
        "whichever function of the account it is: executions take longer, and a picture fails "
        "when its retries are used up",
        f"{_increase('lambda', CONCURRENCY, value, aws.region)}; until it is granted, "
        f"{' + '.join(asked)} of at most {free}",
    )
