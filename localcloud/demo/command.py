"""The whole workflow on a local cloud, from nothing and back to nothing.

With `--aws` in the account that the shell is logged in to: localcloud/demo/acceptance.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console

from analysis.report.build import REPORT as REPORT_FILE
from localcloud.demo import signals
from localcloud.demo.acceptance import command
from localcloud.demo.run import REPORT, Demo
from localcloud.demo.summary import Summary
from localcloud.deployment import Application
from localcloud.environment import DEFAULT_PORT
from localcloud.guard import lock
from localcloud.launcher import LocalCloud, free_port
from localcloud.steps import Steps
from settings import load

ENVIRONMENT = "dev"
OUT = Path("out/demo")
SUMMARY, LOCK = "summary.json", "lock"
EXIT_FAILED, EXIT_LEFTOVERS, EXIT_RUNNING = 1, 3, 4


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asks of the demo; see `scones demo --help`."""

    keep: bool = False
    archive: Path | None = None
    drawn: bool = False
    port: int | None = None
    iam: bool = True
    out: Path | None = None
    aws: bool = False
    yes: bool = False
    environment: str | None = None


def run(options: Options, console: Console) -> int:
    """Run the demo and return the exit code."""
    signals.raise_ended()
    out: Path = (options.out or (command.OUT if options.aws else OUT)).resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a+")
    except OSError as error:
        console.print(
            f"{out} cannot be written ({error.strerror}); use another folder: "
            "scones demo --out FOLDER",
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
                return command.main(
                    out,
                    console,
                    environment=options.environment,
                    archive=options.archive,
                    drawn=options.drawn,
                    yes=options.yes,
                )
            return _demo(options, out, console)
        except KeyboardInterrupt as interrupt:  # when nothing runs, before the first step or later
            return 128 + signals.number_of(interrupt)


def _running(out: Path, file: IO[str]) -> str:
    file.seek(0)
    return (
        f"Another demo writes to {out} ({file.read().strip()}): wait for it, stop it, or use "
        "another folder: scones demo --out FOLDER"
    )


def _demo(options: Options, out: Path, console: Console) -> int:
    # A cloud that is kept has the port that other commands expect; one that goes needs none.
    port = options.port or (DEFAULT_PORT if options.keep else free_port())
    cloud = LocalCloud(port, iam=options.iam)
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


def _run(cloud: LocalCloud, steps: Steps, out: Path, options: Options) -> Summary:
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
  eval "$(scones local env{port})"   # points this shell at it
  cdk list; cdk diff; cdk deploy --all
  aws sagemaker list-endpoints   # if the AWS CLI is installed
  python -c "import boto3; print(boto3.client('sagemaker').list_endpoints()['Endpoints'])"

Take it down, with everything in it:

  scones local down{port}
""",
        soft_wrap=True,
    )
