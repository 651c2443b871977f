"""`scones local`: an AWS emulator with SageMaker on this machine."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from scones import errors
from scones.options import NoIam

if TYPE_CHECKING:
    from localcloud.launcher import LocalCloud

local = typer.Typer(
    help="Run an AWS emulator with SageMaker on this machine: no account, no Docker.",
    no_args_is_help=True,
)

Port = Annotated[int, typer.Option(min=1, max=65535, help="Loopback port.")]


def _cloud(port: int, *, no_iam: bool = False) -> "LocalCloud":
    with errors.shown():
        from localcloud.launcher import LocalCloud

        return LocalCloud(port, iam=not no_iam)


@local.command()
def up(port: Port = 4566, no_iam: NoIam = False) -> None:
    """Start it in the background and print how to use it."""
    cloud = _cloud(port, no_iam=no_iam)
    with _shown():
        cloud.start()
        cloud.detach()
    print(f"Local cloud is up at {cloud.endpoint_url} (log: {cloud.log}).")
    print("What is deployed to it lives until it is stopped: nothing is kept on disk.")
    print(f'Point this shell at it:  eval "$({cloud.command("env")})"')
    print(f"Stop it:                 {cloud.command('down')}\n")
    print("\n".join(_shell_lines(cloud)))


@local.command()
def status(port: Port = 4566) -> None:
    """Report whether it runs; exit code 0 if it answers."""
    cloud = _cloud(port)
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
    """Print the shell lines that point AWS tools at it."""
    cloud = _cloud(port)
    if cloud.pid() is None:
        errors.fail(
            f"no local cloud runs at port {cloud.port}; start it with: {cloud.command('up')}"
        )
    print("\n".join(_shell_lines(cloud)))


@local.command()
def down(port: Port = 4566) -> None:
    """Stop it and everything it started."""
    cloud = _cloud(port)
    with _shown():
        stopped = cloud.stop()
    if stopped:
        print(f"Local cloud at port {cloud.port} is down; its state is gone.")
    else:
        print(f"No local cloud ran at port {cloud.port}.")


@contextmanager
def _shown() -> Iterator[None]:
    from localcloud.launcher import LocalCloudError

    with errors.shown(LocalCloudError):
        yield


def _shell_lines(cloud: "LocalCloud") -> list[str]:
    from localcloud.environment import foreign_variables

    exports = [f"export {name}={shlex.quote(value)}" for name, value in cloud.variables.items()]
    return [f"unset {name}" for name in foreign_variables(os.environ)] + exports
