"""`python -m demo`: the whole workflow on a local cloud, from nothing and back to nothing.

With `--aws` in the account that the shell is logged in to: demo/acceptance.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rich.console import Console

import terminal
from demo import signals
from demo.acceptance import command
from demo.application import Application
from demo.run import REPORT, Demo
from demo.steps import Steps
from demo.summary import Summary
from localcloud.environment import DEFAULT_PORT, NO_IAM, port_number
from localcloud.launcher import LocalCloud, free_port
from localcloud.lock import lock
from monitoring.report.write import REPORT as REPORT_FILE
from settings import load
from training.source import ARCHIVE_VARIABLE

ENVIRONMENT = "dev"
OUT = Path("out/demo")
SUMMARY, LOCK = "summary.json", "lock"
EXIT_FAILED, EXIT_LEFTOVERS, EXIT_RUNNING = 1, 3, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = _options(arguments)
    console = terminal.console()
    signals.raise_ended()
    out: Path = (options.out or (command.OUT if options.aws else OUT)).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a+")
    except OSError as error:
        console.print(
            f"{out} cannot be written ({error.strerror}); use another folder: "
            "python -m demo --out FOLDER",
            style="red",
            soft_wrap=True,
        )
        return EXIT_FAILED
    with file:
        if not lock(file):
            console.print(_running(out, file), soft_wrap=True)
            return EXIT_RUNNING
        file.truncate(0)
        print(f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}", file=file, flush=True)
        try:
            if options.aws:
                return command.main(options, out, console)
            return _demo(options, out, console)
        except KeyboardInterrupt as interrupt:  # when nothing runs, before the first step or later
            return 128 + signals.number_of(interrupt)


def _running(out: Path, file: IO[str]) -> str:
    file.seek(0)
    return (
        f"Another demo writes to {out} ({file.read().strip()}): wait for it, stop it, or use "
        "another folder: python -m demo --out FOLDER"
    )


def _demo(options: argparse.Namespace, out: Path, console: Console) -> int:
    # A cloud that is kept has the port that other commands expect; one that goes needs none.
    port = options.port or (DEFAULT_PORT if options.keep else free_port())
    cloud = LocalCloud(port, iam=not options.no_iam)
    (out / SUMMARY).unlink(missing_ok=True)  # a failed run must not show an earlier one's figures
    try:
        summary = _run(cloud, Steps(console), out, options)
    except KeyboardInterrupt as interrupt:
        console.print("Interrupted. The local cloud is down.", style="red")
        return 128 + signals.number_of(interrupt)
    except Exception as error:
        console.print("The demo failed:", style="red")
        console.print(str(error) or repr(error), soft_wrap=True)
        console.print(f"Logs: {out}/*.log and, of the local cloud, {cloud.log}", soft_wrap=True)
        return EXIT_FAILED
    summary.write(out / SUMMARY)
    console.print(summary.table())
    console.print(f"Wrote {out / SUMMARY}", soft_wrap=True)
    console.print(f"Report: {(out / REPORT / REPORT_FILE).as_uri()}", soft_wrap=True)
    if options.keep:
        _say_how_to_look_around(console, cloud)
    else:
        shutil.rmtree(cloud.folder, ignore_errors=True)  # its log: of interest after a failure only
    for left in summary.left_after_destroy or []:
        console.print(f"left after destroy: {left}", style="red", soft_wrap=True)
    return EXIT_LEFTOVERS if summary.left_after_destroy else 0


def _run(cloud: LocalCloud, steps: Steps, out: Path, options: argparse.Namespace) -> Summary:
    """The steps from the local cloud's start to its end, which comes whatever happens between."""
    # Not under `try`: a cloud that runs already is not ours to stop.
    with steps.step("local cloud up"):
        cloud.start()
    keep = False
    try:
        with signals.ending_with(cloud):
            _use_only(cloud)
            application = Application(
                load(ENVIRONMENT), steps, out, archive=options.archive, drawn=options.drawn
            )
            summary = Demo(application).run(destroy=not options.keep)
        keep = options.keep
        return summary
    finally:
        if keep:
            cloud.detach()
        else:
            with steps.step("local cloud down"):
                cloud.stop()


def _use_only(cloud: LocalCloud) -> None:
    """Let this process and its children see the local cloud, and no other AWS access."""
    environment = cloud.environment()
    os.environ.clear()
    os.environ.update(environment)


def _say_how_to_look_around(console: Console, cloud: LocalCloud) -> None:
    port = "" if cloud.port == DEFAULT_PORT else f" --port {cloud.port}"
    console.print(
        f"""
The local cloud stays up at {cloud.endpoint_url}, until it is taken down. To look around:

  source .venv/bin/activate
  eval "$(python -m localcloud env{port})"   # points this shell at it
  cdk list; cdk diff; cdk deploy --all
  aws sagemaker list-endpoints   # if the AWS CLI is installed
  python -c "import boto3; print(boto3.client('sagemaker').list_endpoints()['Endpoints'])"

Take it down, with everything in it:

  python -m localcloud down{port}
""",
        soft_wrap=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Deploy the workflow to a local cloud, run the validation pictures through it, "
        "read back and report what happened, destroy everything.",
        epilog=f"Exit codes: 0 all done, {EXIT_FAILED} a step failed, 2 wrong usage, or with --aws "
        f"refused before anything was made, {EXIT_LEFTOVERS} something was left after destroy, or "
        f"with --aws an assumption was refuted or not reached, {EXIT_RUNNING} another demo writes "
        "to the folder, 128 and its number if a signal ended it: 130 after Ctrl-C.",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave everything up, and say how to look around"
    )
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="PATH",
        help=f"CIFAR-100 archive; else ${ARCHIVE_VARIABLE}, else the download, else drawn pictures",
    )
    parser.add_argument(
        "--port",
        type=port_number,
        help=f"loopback port of the local cloud (default: {DEFAULT_PORT} with --keep, else any "
        "free one)",
    )
    parser.add_argument("--no-iam", action="store_true", help=NO_IAM)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of summary.json, the report and logs "
        f"(default: {OUT}; with --aws: {command.OUT})",
    )
    parser.add_argument("--drawn", action="store_true", help="take drawn pictures in any case")
    account = parser.add_argument_group("in an account")
    account.add_argument(
        "--aws",
        action="store_true",
        help="deploy to the account that this shell is logged in to, check there what we assume "
        "of AWS, take everything down; says what it costs, and asks",
    )
    account.add_argument("--yes", action="store_true", help="do not ask")
    account.add_argument(
        "--environment",
        metavar="NAME",
        help=f"whose settings; no stack of it may exist (default: {command.ENVIRONMENT})",
    )
    return parser


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.aws and (options.keep or options.port):
        parser.error("--keep and --port are of the local cloud; they do not go with --aws")
    if not options.aws and (options.yes or options.environment):
        parser.error("--yes and --environment go with --aws only")
    return options


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # not waiting for threads: they may still try to reach a cloud that is gone
