"""`scones sweep`: list or remove what is left of an environment after `cdk destroy`."""

from collections.abc import Sequence
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Column, Table

from operations.aws import announce
from operations.sweep import Remain, existing_stacks, find
from scones import errors, terminal
from scones.options import Environment
from settings import load

EXIT_LEFT = 3


def sweep(
    environment: Environment = "dev",
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False,
) -> None:
    """List what is left of an environment whose stacks are destroyed, or remove it.

    Finds SageMaker's logs, a training job that still runs, an endpoint that could not be deleted
    and the like. Buckets and, with retention.removal = "retain", log groups are only listed.

    Exit codes: 0 nothing is left; 1 failed, or the stacks exist; 2 wrong usage; 3 something is
    left.
    """
    with errors.shown():
        settings = load(environment)
        announce()
        with terminal.console(errors=True).status("asking AWS"):
            stacks = existing_stacks(settings)
            remains = [] if stacks else find(settings)
        if stacks:
            errors.fail(
                f"{', '.join(stacks)} still exist, and what they use is not left over; destroy "
                f"them first: cdk destroy --all -c environment={environment}"
            )
        raise typer.Exit(_sweep(remains, environment, delete=delete))


def _sweep(remains: Sequence[Remain], environment: str, *, delete: bool) -> int:
    console = terminal.console()
    if not remains:
        console.print(
            f"Nothing is left of {environment}. "
            'docs/deploy.md, "Tear down", lists what AWS itself keeps.',
            soft_wrap=True,
        )
        return 0
    table = Table("kind", Column("name", overflow="fold"), "")
    left = []
    for remain in remains:
        outcome = _remove(remain) if delete else None
        if outcome != "removed":
            left.append(remain)
        table.add_row(remain.kind, remain.name, outcome or ("" if remain.remove else "kept"))
    console.print(table)
    if not delete and any(remain.remove for remain in left):
        console.print("Nothing was removed; --delete removes all but what is kept.")
    by_hand = [remain.by_hand for remain in left if delete or remain.remove is None]
    if by_hand:
        console.print("To remove by hand, for good:")
    for command in by_hand:
        console.print(f"  {command}", soft_wrap=True)
    return EXIT_LEFT if left else 0


def _remove(remain: Remain) -> str:
    """Remove it unless it is kept; return what happened."""
    if remain.remove is None:
        return "kept"
    try:
        remain.remove()
    except (BotoCoreError, ClientError) as error:
        return f"not removed: {error}"
    return "removed"
