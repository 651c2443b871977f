"""Command line of the local cloud: `python -m localcloud up | status | env | down`."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence

from localcloud.environment import DEFAULT_PORT, NO_IAM, foreign_variables, port_number
from localcloud.launcher import LocalCloud, LocalCloudError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    cloud = LocalCloud(options.port, iam=not options.no_iam)
    try:
        code: int = options.run(cloud)
    except LocalCloudError as error:
        print(f"localcloud: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code


def _up(cloud: LocalCloud) -> int:
    cloud.start()
    cloud.detach()
    print(f"Local cloud is up at {cloud.endpoint_url} (log: {cloud.log}).")
    print("What is deployed to it lives until it is stopped: nothing is kept on disk.")
    print(f'Point this shell at it:  eval "$({cloud.command("env")})"')
    print(f"Stop it:                 {cloud.command('down')}\n")
    print("\n".join(_shell_lines(cloud)))
    return 0


def _status(cloud: LocalCloud) -> int:
    pid = cloud.pid()
    if pid is None:
        print(f"No local cloud runs at port {cloud.port}.")
        return 1
    state = "answers" if cloud.healthy() else "does not answer"
    print(f"Local cloud at {cloud.endpoint_url} {state} (process {pid}, log: {cloud.log}).")
    return 0 if cloud.healthy() else 1


def _env(cloud: LocalCloud) -> int:
    if cloud.pid() is None:
        raise LocalCloudError(
            f"no local cloud runs at port {cloud.port}; start it with: {cloud.command('up')}"
        )
    print("\n".join(_shell_lines(cloud)))
    return 0


def _down(cloud: LocalCloud) -> int:
    if cloud.stop():
        print(f"Local cloud at port {cloud.port} is down; its state is gone.")
    else:
        print(f"No local cloud ran at port {cloud.port}.")
    return 0


def _shell_lines(cloud: LocalCloud) -> list[str]:
    exports = [f"export {name}={shlex.quote(value)}" for name, value in cloud.variables.items()]
    return [f"unset {name}" for name in foreign_variables(os.environ)] + exports


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        help="loopback port (default: %(default)s)",
    )
    common.set_defaults(no_iam=False)
    starting = argparse.ArgumentParser(add_help=False, parents=[common])
    starting.add_argument("--no-iam", action="store_true", help=NO_IAM)
    parser = argparse.ArgumentParser(
        prog="python -m localcloud",
        description="An AWS emulator with SageMaker on this machine: no account, no Docker.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, summary in (
        ("up", _up, "start it in the background and print how to use it"),
        ("status", _status, "tell whether it runs; exit code 0 if it answers"),
        ("env", _env, "print the shell lines that point AWS tools at it"),
        ("down", _down, "stop it and everything it started"),
    ):
        parents = [starting if run is _up else common]
        command = commands.add_parser(name, help=summary, description=summary, parents=parents)
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
