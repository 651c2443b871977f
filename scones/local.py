"""`scones local`: start and stop an AWS emulator with SageMaker on this machine."""

import importlib
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from scones import errors, terminal
from scones.options import NoIam

if TYPE_CHECKING:
    from localcloud.launcher import LocalCloud

local = typer.Typer(
    help="Run an AWS emulator with SageMaker on this machine: no account, no Docker.",
    no_args_is_help=True,
)

Port = Annotated[int, typer.Option(min=1, max=65535, help="Loopback port.")]


@contextmanager
def _cloud(port: int, *, no_iam: bool = False) -> "Iterator[LocalCloud]":
    with errors.shown(packages="local"):
        from localcloud.launcher import LocalCloud, LocalCloudError

        with errors.shown(LocalCloudError, packages="local"):
            yield LocalCloud(port, iam=not no_iam)


@local.command()
def up(port: Port = 4566, no_iam: NoIam = False) -> None:
    """Start the local cloud in the background and print how to use it.

    Exit codes: 0 it runs; 1 failed, or it was running already; 2 wrong usage.
    """
    with _cloud(port, no_iam=no_iam) as cloud:
        importlib.import_module("ministack")  # if missing, report it here, not in the log
        with terminal.console(errors=True).status("starting the local cloud"):
            cloud.start()
        cloud.detach()
        print(f"Local cloud is up at {cloud.endpoint_url} (log: {cloud.log}).")
        print("Everything deployed to it is lost when it stops: nothing is kept on disk.")
        print(f'Point this shell at it:  eval "$({cloud.command("env")})"')
        print(f"Stop it:                 {cloud.command('down')}\n")
        print("\n".join(_shell_lines(cloud)))


@local.command()
def status(port: Port = 4566) -> None:
    """Report whether the local cloud runs.

    Exit codes: 0 it answers; 1 it does not; 2 wrong usage.
    """
    with _cloud(port) as cloud:
        pid = cloud.pid()
        if pid is None:
            print(f"No local cloud runs at port {cloud.port}.")
            raise typer.Exit(1)
        healthy = cloud.healthy()
        state = "answers" if healthy else "does not answer"
        print(f"Local cloud at {cloud.endpoint_url} {state} (process {pid}, log: {cloud.log}).")
        raise typer.Exit(0 if healthy else 1)


@local.command()
def env(port: Port = 4566) -> None:
    """Print the shell lines that point AWS tools at the local cloud.

    Exit codes: 0 printed; 1 it does not run; 2 wrong usage.
    """
    with _cloud(port) as cloud:
        if cloud.pid() is None:
            errors.fail(
                f"no local cloud runs at port {cloud.port}; start it with: {cloud.command('up')}"
            )
        print("\n".join(_shell_lines(cloud)))


@local.command()
def down(port: Port = 4566) -> None:
    """Stop the local cloud and everything it started.

    Exit codes: 0 it does not run any more; 1 failed; 2 wrong usage.
    """
    with _cloud(port) as cloud:
        if cloud.stop():
            print(f"Local cloud at port {cloud.port} is down; its state is gone.")
        else:
            print(f"No local cloud ran at port {cloud.port}.")


def _shell_lines(cloud: "LocalCloud") -> list[str]:
    from localcloud.environment import foreign_variables

    exports = [f"export {name}={shlex.quote(value)}" for name, value in cloud.variables.items()]
    return [f"unset {name}" for name in foreign_variables(os.environ)] + exports
