"""Functions of the account that may run at the same time."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

QUOTA = "L-B99A9384"  # Lambda's "Concurrent executions"
USUAL_LIMIT = 1000  # a new account may have 10


def concurrency(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Lambda runs as many functions at a time as the settings ask for."""
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
        yield Finding(Verdict.OK, f"{allowed}; {wanted} need {needed}")
        return
    yield Finding(
        Verdict.NOTE,
        f"{allowed}, enough to deploy; {wanted} start up to {needed}. Lambda throttles the rest, "
        "whichever function of the account it is: executions take longer, and a picture fails "
        "when its retries are used up",
        "aws service-quotas request-service-quota-increase --service-code lambda "
        f"--quota-code {QUOTA} --desired-value {max(USUAL_LIMIT, total + needed - free)} "
        f"--region {aws.region}; until it is granted, {' + '.join(asked)} of at most {free}",
    )
