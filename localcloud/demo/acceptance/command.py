"""`scones demo --aws`: say what it will do and cost, ask, run, report."""

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from localcloud.cdk import CdkError
from localcloud.demo.acceptance.checks import CHECKS
from localcloud.demo.acceptance.context import is_local
from localcloud.demo.acceptance.report import FILE, Report
from localcloud.demo.acceptance.run import Acceptance
from localcloud.demo.acceptance.teardown import Teardown
from localcloud.demo.command import DemoError
from localcloud.demo.signals import Interrupts
from localcloud.deployment import Application, real_or_drawn
from localcloud.steps import Steps
from operations import costs
from operations.aws import AwsError, account_id, announce, errors_in_words, region
from operations.preflight import checks, findings
from operations.preflight.clients import Aws
from operations.sweep import existing_stacks, find
from settings import Settings, SettingsError, load

ENVIRONMENT = "acceptance"
OUT = Path("out/acceptance")
EXIT_FAILED, EXIT_REFUSED, EXIT_NOT_CLEAN = 1, 2, 3
TRAININGS, TRANSFORM_JOBS = 2, 2


class RefusedError(DemoError):
    """The run does not begin; the message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Refused: {message}", EXIT_REFUSED)


def main(
    out: Path,
    console: Console,
    *,
    environment: str | None,
    archive: Path | None,
    drawn: bool,
    yes: bool,
    interrupts: Interrupts,
) -> int:
    """Run, write to `out`, return the exit code; raise RefusedError if nothing was created."""
    try:
        with errors_in_words():
            settings = load(environment or ENVIRONMENT)
            announce()
            application = Application(settings, out, Steps(console))
            teardown = Teardown(application, _refuse_what_exists(settings))
            _preflight(settings, console)
            account = account_id()
            application.synth()
            _announce(account, application, console)
    except (AwsError, SettingsError, CdkError) as error:
        raise RefusedError(str(error)) from error
    _ask(console, yes=yes)
    (out / FILE).unlink(missing_ok=True)  # a run that is killed must not show an earlier one's
    began = datetime.now(UTC)
    pictures = partial(real_or_drawn, settings, archive, console, drawn=drawn)
    run = Acceptance(application, pictures, CHECKS, teardown, interrupts)
    run.run()
    report = Report(
        found=run.found,
        began=began,
        seconds=application.steps.seconds,
        settings=settings,
        account=account,
        region=region(),
        cloud=_cloud(),
        failure=run.failure,
        left=run.left,
    )
    console.print(report.table())
    console.print(f"Wrote {report.write(out)}", soft_wrap=True)
    if run.failure:
        console.print("The run ended early:", style="red")
        console.print(run.failure, soft_wrap=True)
    if run.left:
        console.print("Left behind, and how to remove it:", style="bold red")
        for each in run.left:
            console.print(f"  {each}", soft_wrap=True)
    if run.interrupted:
        return 128 + run.interrupted
    if run.failure:
        return EXIT_FAILED
    return 0 if report.is_clean else EXIT_NOT_CLEAN


def _refuse_what_exists(settings: Settings) -> set[str]:
    """Return the names of what an earlier run left, which this one leaves alone."""
    name = settings.environment
    if settings.retention.removal != "destroy":
        raise RefusedError(
            f'settings/{name}.toml has retention.removal = "retain", but this command must remove '
            f'what it creates; use an environment with "destroy", such as {ENVIRONMENT}'
        )
    if not settings.endpoint.enabled or not settings.capture.enabled:
        raise RefusedError(
            f"settings/{name}.toml has no endpoint, or one that captures nothing, and the checks "
            f"need both; use an environment that has them, such as {ENVIRONMENT}"
        )
    if stacks := existing_stacks(settings):
        raise RefusedError(
            f"{', '.join(stacks)} exist already, and this command would destroy them; if an "
            f"earlier run left them: cdk destroy --all -c environment={name}"
        )
    return {remain.name for remain in find(settings)}


def _preflight(settings: Settings, console: Console) -> None:
    found = checks.run(checks.CHECKS, Aws(), settings)
    console.print(findings.table(found))
    if findings.exit_code(found) == findings.EXIT_PROBLEM:
        raise RefusedError("the preflight found a problem, see above; nothing was created")


def _announce(account: str, application: Application, console: Console) -> None:
    model, settings = costs.read(), application.settings
    items = estimate(settings, model)
    minutes = model.acceptance.endpoint_minutes + model.acceptance.training_minutes
    lines = [
        f"Account {account}, {region()}, {_cloud()}.",
        f"This deploys {', '.join(application.cdk.stacks())} "
        f"(settings/{settings.environment}.toml), checks {len(CHECKS)} assumptions about AWS on "
        "them, and takes everything down again, whatever happens. On AWS it takes about "
        f"{minutes:.0f} minutes.",
        f"On AWS it costs about {sum(usd for _, usd in items):.2f} USD, estimated from list "
        f"prices of {model.region} as of {model.as_of}:",
        *(f"  {usd:5.2f}  {what}" for what, usd in items),
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


def estimate(settings: Settings, model: costs.Model) -> list[tuple[str, float]]:
    """Return what a run costs, part by part in USD."""
    given = model.acceptance
    training, endpoint, batch = settings.training, settings.endpoint, settings.batch_transform
    parts: list[tuple[str, Any, float]] = [
        (f"{TRAININGS} training jobs", training, TRAININGS * given.training_minutes),
        # An update starts the new instances before it stops the old ones.
        ("the endpoint", endpoint, given.endpoint_minutes + given.update_minutes),
        (f"{TRANSFORM_JOBS} transform jobs", batch, TRANSFORM_JOBS * given.transform_minutes),
    ]
    items = []
    for what, section, minutes in parts:
        kind, count = section.instance_type, section.instance_count
        hour = model.instance_hours.get(kind)
        if hour is None:
            raise RefusedError(
                f"{what}: no price of {kind}; add it to [instance_hours] of operations/prices.toml"
            )
        items.append((f"{what}, {count} {kind}, {minutes:.0f} min", hour * count * minutes / 60))
    return [*items, ("all the rest", given.rest_usd)]


def _ask(console: Console, *, yes: bool) -> None:
    """Ask whether to go on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("there is no terminal to ask in; --yes skips the question")
    if console.input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise RefusedError("not confirmed; nothing was created")


def _cloud() -> str:
    if is_local(os.environ):
        url = os.environ["AWS_ENDPOINT_URL"]
        return f"local cloud at {url} (an emulator: nothing here was seen on AWS)"
    return os.environ.get("AWS_ENDPOINT_URL", "AWS")
