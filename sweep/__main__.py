"""`python -m sweep`: lists what is left of an environment after `cdk destroy`, or removes it."""

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Column, Table

import terminal
from account import announce
from settings import Settings, SettingsError, available_environments, load
from sweep.remains import Remain, existing_stacks, find

EXIT_REFUSED, EXIT_LEFT = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; gives the exit code."""
    options = _parser().parse_args(arguments)
    errors = terminal.console(errors=True)
    try:
        settings = load(options.environment)
        announce()
        if stacks := existing_stacks(settings):
            errors.print(_still_in_use(settings, stacks), style="red", soft_wrap=True)
            return EXIT_REFUSED
        remains = find(settings)
    except (SettingsError, BotoCoreError, ClientError) as error:
        errors.print(str(error), style="red", soft_wrap=True)
        return EXIT_REFUSED
    return _sweep(remains, settings, delete=options.delete)


def _sweep(remains: Sequence[Remain], settings: Settings, *, delete: bool) -> int:
    console = terminal.console()
    if not remains:
        console.print(
            f"Nothing is left of {settings.environment}. "
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
    _say_how_to_remove(left, console, delete=delete)
    return EXIT_LEFT if left else 0


def _remove(remain: Remain) -> str:
    """Remove it, if that is ours to do; gives what happened."""
    if remain.remove is None:
        return "kept"
    try:
        remain.remove()
    except (BotoCoreError, ClientError) as error:
        return f"not removed: {error}"
    return "removed"


def _say_how_to_remove(left: Sequence[Remain], console: Console, *, delete: bool) -> None:
    if not delete and any(remain.remove for remain in left):
        console.print("Nothing was removed; --delete removes all but what is kept.")
    by_hand = [remain.by_hand for remain in left if delete or remain.remove is None]
    if by_hand:
        console.print("To remove by hand, for good:")
    for command in by_hand:
        console.print(f"  {command}", soft_wrap=True)


def _still_in_use(settings: Settings, stacks: Sequence[str]) -> str:
    return (
        f"{', '.join(stacks)} still exist, and what they use is not left over; "
        f"destroy them first: cdk destroy --all -c environment={settings.environment}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sweep",
        description="List what is left of an environment whose stacks are destroyed: SageMaker's "
        "logs, a training job that still runs, an endpoint that failed to go ... Buckets and, "
        'with retention.removal = "retain", our log groups are never removed, only listed.',
        epilog=f"Exit codes: 0 nothing is left, {EXIT_REFUSED} refused, 2 wrong usage, "
        f"{EXIT_LEFT} something is left.",
    )
    parser.add_argument(
        "--environment",
        default="dev",
        metavar="NAME",
        help=f"whose names: {', '.join(available_environments())} (default: dev)",
    )
    parser.add_argument("--delete", action="store_true", help="remove what is listed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
