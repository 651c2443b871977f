"""`scones preflight`: check whether a deployment can succeed, before it costs money."""

import typer

from scones import errors, terminal
from scones.options import Environment
from settings import load


def preflight(environment: Environment = "dev") -> None:
    """Check whether a deployment can succeed, before it costs money; change nothing.

    Checks credentials, region, CDK bootstrap, algorithm, instance types and quotas, concurrency of
    functions, staged data, subscribers of the notifications and the endpoint's name, within ten
    seconds.

    Exit codes: 0 no problem; 1 a problem; 2 wrong usage; 3 no problem found, but something could
    not be checked.
    """
    from operations.preflight import checks, findings
    from operations.preflight.clients import Aws

    with errors.shown():
        settings = load(environment)
        with terminal.console(errors=True).status("asking AWS"):
            found = checks.run(checks.CHECKS, Aws(), settings)
        terminal.console().print(findings.table(found))
        raise typer.Exit(findings.exit_code(found))
