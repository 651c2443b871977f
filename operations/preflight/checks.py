"""All checks, which run at the same time and no longer than the deadline."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

from operations.preflight.account import algorithm, bootstrap, credentials, endpoint, region
from operations.preflight.clients import NO_ANSWER, Aws, not_checked
from operations.preflight.findings import Finding, Verdict
from operations.preflight.inputs import dataset, given_model
from operations.preflight.notifications import notifications, sms
from operations.preflight.queues import queues
from operations.preflight.quotas import concurrency, quotas
from settings import Settings

Check = Callable[[Aws, Settings], Iterator[Finding]]

CHECKS: Mapping[str, Check] = {
    "credentials": credentials,
    "region": region,
    "bootstrap": bootstrap,
    "algorithm": algorithm,
    "instances": quotas,
    "function calls": concurrency,
    "staged data": dataset,
    "given model": given_model,
    "notifications": notifications,
    "text messages": sms,
    "queues": queues,
    "endpoint name": endpoint,
}

DEADLINE_SECONDS = 10.0


def run(
    checks: Mapping[str, Check],
    aws: Aws,
    settings: Settings,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> dict[str, list[Finding]]:
    """Return the findings by check; what has no answer by the deadline was not checked."""
    found: dict[str, list[Finding]] = {name: [] for name in checks}
    bugs: list[Exception] = []

    def work(name: str, check: Check) -> None:
        try:
            for finding in check(aws, settings):
                found[name].append(finding)
        except NO_ANSWER as error:
            found[name].append(not_checked(error))
        except Exception as error:
            bugs.append(error)  # raised below: here it would end only this thread

    # Daemons, because a process that fetches credentials may hang and must not keep us from ending.
    threads = {
        name: threading.Thread(target=work, args=(name, check), daemon=True)
        for name, check in checks.items()
    }
    end = time.monotonic() + deadline_seconds
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, end - time.monotonic()))
    if bugs:
        raise bugs[0]
    late = Finding(Verdict.NOT_CHECKED, f"no answer within {deadline_seconds:g} seconds")
    return {
        name: [*found[name], *([late] if thread.is_alive() else [])]
        for name, thread in threads.items()
    }
