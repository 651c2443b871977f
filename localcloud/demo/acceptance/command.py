"""`scones demo --aws`: says what it will do and cost, asks, runs, reports."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from localcloud.cdk import CdkError
from localcloud.demo.acceptance.checks import CHECKS, NOT_TRIED
from localcloud.demo.acceptance.context import is_local
from localcloud.demo.acceptance.cost import PriceMissingError, estimate, minutes
from localcloud.demo.acceptance.report import FILE, Report
from localcloud.demo.acceptance.run import Acceptance
from localcloud.demo.acceptance.teardown import Teardown
from localcloud.demo.signals import number_of
from localcloud.deployment import Application
from localcloud.steps import Steps
from operations import costs
from operations.aws import account_id, announce, region
from operations.preflight.checks import CHECKS as PREFLIGHT_CHECKS
from operations.preflight.checks import run as preflight
from operations.preflight.clients import Aws
from operations.preflight.findings import Verdict as PreflightVerdict
from operations.preflight.findings import table
from operations.sweep import existing_stacks, find
from settings import Settings, SettingsError, load

ENVIRONMENT = "acceptance"
OUT = Path("out/acceptance")
EXIT_FAILED, EXIT_REFUSED, EXIT_NOT_CLEAN = 1, 2, 3


class RefusedError(Exception):
    """The run does not begin; the message says why, and what to do."""


def main(
    out: Path,
    console: Console,
    *,
    environment: str | None,
    archive: Path | None,
    drawn: bool,
    yes: bool,
) -> int:
    """Run, and write to the folder `out`; returns the exit code."""
    try:
        settings = load(environment or ENVIRONMENT)
        announce()
        before = _refuse_what_exists(settings)
        _preflight(settings, console)
        account = account_id()
        application = Application(settings, Steps(console), out, archive=archive, drawn=drawn)
        application.synth()
        _announce(account, application, console)
        _ask(console, yes=yes)
    except (RefusedError, SettingsError, PriceMissingError, CdkError) as error:
        console.print(f"Refused: {error}", style="red", soft_wrap=True)
        return EXIT_REFUSED
    except (BotoCoreError, ClientError) as error:
        console.print(f"Refused: AWS: {error}", style="red", soft_wrap=True)
        return EXIT_REFUSED
    except KeyboardInterrupt as interrupt:
        console.print("Interrupted; nothing was made.")
        return 128 + number_of(interrupt)
    for path in application.out.glob(f"{FILE}.*"):
        path.unlink()  # a run that is killed must not show an earlier one's findings
    began = datetime.now(UTC)
    run = Acceptance(application, CHECKS, Teardown(application, before))
    run.run()
    report = Report(
        rows=run.rows,
        began=began,
        seconds=application.steps.seconds,
        settings=settings,
        account=account,
        region=region(),
        cloud=_cloud(),
        failure=run.failure,
        left=run.left,
        not_tried=NOT_TRIED,
    )
    return _finish(run, report, console)


def _finish(run: Acceptance, report: Report, console: Console) -> int:
    console.print(report.table())
    for path in report.write(run.application.out):
        console.print(f"Wrote {path}", soft_wrap=True)
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
    """Return what an earlier run left, which this one leaves alone.

    Raises:
        RefusedError: stacks of the environment exist, or it would retain what it makes.
    """
    name = settings.environment
    if settings.retention.removal != "destroy":
        raise RefusedError(
            f'settings/{name}.toml has retention.removal = "retain": what this command makes '
            f'must go again; use an environment with "destroy", such as {ENVIRONMENT}'
        )
    if not settings.endpoint.enabled or not settings.capture.enabled:
        raise RefusedError(
            f"settings/{name}.toml has no endpoint, or one that captures nothing, and the checks "
            f"need both; use an environment that has them, such as {ENVIRONMENT}"
        )
    if stacks := existing_stacks(settings):
        raise RefusedError(
            f"{', '.join(stacks)} exist already, and this command would destroy them; if they are "
            f"of an earlier run: cdk destroy --all -c environment={name}"
        )
    return {remain.name for remain in find(settings)}


def _preflight(settings: Settings, console: Console) -> None:
    findings = preflight(PREFLIGHT_CHECKS, Aws(), settings)
    console.print(table(findings))
    verdicts = {finding.verdict for found in findings.values() for finding in found}
    if PreflightVerdict.PROBLEM in verdicts:
        raise RefusedError("the preflight found a problem, see above; nothing was made")


def _announce(account: str, application: Application, console: Console) -> None:
    model, settings = costs.read(), application.settings
    console.print(f"Account {account}, {region()}, {_cloud()}.", soft_wrap=True)
    console.print(
        f"This deploys {', '.join(application.cdk.stacks())} "
        f"(settings/{settings.environment}.toml), checks {len(CHECKS)} assumptions about AWS on "
        "them, and takes everything down again, whatever happens. On AWS it takes about "
        f"{minutes(model):.0f} minutes.",
        soft_wrap=True,
    )
    items = estimate(settings, model)
    console.print(
        f"On AWS it costs about {sum(item.usd for item in items):.2f} USD; an estimate, by list "
        f"prices of {model.region} as of {model.as_of}:",
        soft_wrap=True,
    )
    for item in items:
        console.print(f"  {item.usd:5.2f}  {item.what}", soft_wrap=True)


def _ask(
    console: Console,
    *,
    yes: bool,
    is_terminal: Callable[[], bool] = lambda: sys.stdin.isatty(),
) -> None:
    """Ask whether to go on.

    Raises:
        RefusedError: the answer is no, or there is no terminal to ask at.
    """
    if yes:
        return
    if not is_terminal():
        raise RefusedError("there is no terminal to ask at; --yes goes on without asking")
    if console.input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise RefusedError("not confirmed; nothing was made")


def _cloud() -> str:
    if is_local(os.environ):
        url = os.environ["AWS_ENDPOINT_URL"]
        return f"local cloud at {url} (an emulator: nothing here was seen on AWS)"
    return os.environ.get("AWS_ENDPOINT_URL", "AWS")
