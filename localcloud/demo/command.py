"""Run the demo on a local cloud that it starts, from nothing and back to nothing."""

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from analysis.report.build import REPORT as REPORT_FILE
from localcloud.demo import own_pictures, signals
from localcloud.demo.run import REPORT, run
from localcloud.demo.summary import Summary
from localcloud.deployment import Application, real_or_drawn
from localcloud.environment import DEFAULT_PORT
from localcloud.guard import lock
from localcloud.launcher import LocalCloud, free_port
from localcloud.steps import Steps
from settings import Settings, load
from settings.loader import FOLDER_VARIABLE, settings_folder
from training.source import AnySource

ENVIRONMENT = "dev"
OUT = Path("out/demo")
SUMMARY, LOCK = "summary.json", "lock"
EXIT_FAILED, EXIT_LEFTOVERS, EXIT_RUNNING = 1, 3, 4


class DemoError(Exception):
    """The demo cannot begin, or failed; the message says why."""

    def __init__(self, message: str, code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def reserved(out: Path) -> Iterator[Path]:
    """Create the folder and keep other demos out; raise DemoError if one writes to it already."""
    out = out.resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a+")
    except OSError as error:
        raise DemoError(
            f"{out} cannot be written ({error.strerror}); choose another folder: "
            "scones demo --out FOLDER"
        ) from error
    with file:
        if not lock(file):
            file.seek(0)
            raise DemoError(
                f"another demo writes to {out} ({file.read().strip()}): wait for it, stop it, or "
                "choose another folder: scones demo --out FOLDER",
                EXIT_RUNNING,
            )
        file.truncate(0)
        print(f"process {os.getpid()}, since {time.strftime('%H:%M:%S')}", file=file, flush=True)
        yield out


def main(
    out: Path,
    console: Console,
    *,
    keep: bool,
    pictures: str | None,
    archive: Path | None,
    drawn: bool,
    port: int | None,
    iam: bool,
) -> int:
    """Run the demo in the folder `out`; return the exit code, or raise DemoError.

    `pictures` is a folder or list of pictures to use instead of CIFAR-100's. Raises StagingError if
    they cannot be staged.
    """
    # A cloud that is kept gets the port that other commands expect; any other gets a free one.
    cloud = LocalCloud(port or (DEFAULT_PORT if keep else free_port()), iam=iam)
    (out / SUMMARY).unlink(missing_ok=True)  # a failed run must not show an earlier one's figures
    steps = Steps(console)
    settings = own_pictures.settings_for(pictures, out, steps) if pictures else load(ENVIRONMENT)
    try:
        # Not under `_run`'s `finally`: a cloud that runs already is not ours to stop.
        with steps.step("local cloud up"):
            cloud.start()
        application = Application(settings, out, steps)
        find = partial(real_or_drawn, settings, archive, console, drawn=drawn)
        summary = _run(cloud, application, find, keep=keep)
    except Exception as error:
        raise DemoError(
            f"the demo failed: {str(error) or repr(error)}\n"
            f"Logs: {out}/*.log and, of the local cloud, {cloud.log}"
        ) from error
    summary.write(out / SUMMARY)
    console.print(summary.table())
    console.print(f"Wrote {out / SUMMARY}", soft_wrap=True)
    console.print(f"Report: {(out / REPORT / REPORT_FILE).as_uri()}", soft_wrap=True)
    if keep:
        _say_how_to_look_around(console, cloud, settings)
    else:
        shutil.rmtree(cloud.folder, ignore_errors=True)  # its log matters after a failure only
    for left in summary.left_after_destroy or []:
        console.print(f"left after destroy: {left}", style="red", soft_wrap=True)
    return EXIT_LEFTOVERS if summary.left_after_destroy else 0


def _run(
    cloud: LocalCloud, application: Application, pictures: Callable[[], AnySource], *, keep: bool
) -> Summary:
    """Run the steps; unless they succeed and the cloud is kept, stop it whatever happens."""
    stop = True
    try:
        with signals.ending_with(cloud):
            _use_only(cloud)
            summary = run(application, pictures, destroy=not keep)
        stop = not keep
        return summary
    finally:
        if stop:
            with application.steps.step("local cloud down"):
                cloud.stop()
        else:
            cloud.detach()


def _use_only(cloud: LocalCloud) -> None:
    """Let this process and its children see the local cloud and no other AWS access."""
    environment = cloud.environment()
    os.environ.clear()
    os.environ.update(environment)


def _say_how_to_look_around(console: Console, cloud: LocalCloud, settings: Settings) -> None:
    context = (
        "" if settings.environment == ENVIRONMENT else f" -c environment={settings.environment}"
    )
    folder = (
        f"\n  export {FOLDER_VARIABLE}={shlex.quote(str(settings_folder()))}" if context else ""
    )
    console.print(
        f"""
The local cloud stays up at {cloud.endpoint_url} until you stop it. To look around:

  source .venv/bin/activate
  eval "$({cloud.command("env")})"   # points this shell at it{folder}
  cdk list{context}; cdk diff{context}; cdk deploy --all{context}
  aws sagemaker list-endpoints   # if the AWS CLI is installed
  python -c "import boto3; print(boto3.client('sagemaker').list_endpoints()['Endpoints'])"

Stop it, with everything in it:

  {cloud.command("down")}
""",
        soft_wrap=True,
    )
