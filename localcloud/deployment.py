"""The application of one environment, deployed and destroyed by the CDK CLI.

The environment variables choose the cloud: a local one, or an account.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rich.console import Console

from localcloud.cdk import Cdk
from localcloud.steps import Steps
from operations import staging
from operations.aws import stack_output
from settings import Settings
from training.errors import ArchiveUnavailableError
from training.source import AnySource


@dataclass(frozen=True)
class Application:
    """The stacks of one environment.

    Tests and benchmarks deploy with drawn or other pictures:

    >>> application = Application(load("dev"), tmp_path)
    >>> application.synth()
    >>> application.bootstrap()
    >>> application.deploy(lambda: drawing(application.settings.dataset.classes))
    >>> application.output("Workflow", "StateMachineArn")
    """

    settings: Settings
    folder: Path
    """Folder of the cloud assembly and of the CDK CLI's logs."""
    steps: Steps = field(default_factory=Steps)
    """Shows what runs; by default nothing."""

    @cached_property
    def cdk(self) -> Cdk:
        """The CDK CLI with this application's assembly."""
        return Cdk(assembly=self.folder / "cdk.out", logs=self.folder)

    def synth(self) -> None:
        """Write the assembly, which the later steps read."""
        shutil.rmtree(self.cdk.assembly, ignore_errors=True)  # also what a killed run left
        with self.steps.step("synth") as say:
            self.cdk.synth(f"environment={self.settings.environment}", log="synth", say=say)

    def bootstrap(self) -> None:
        """Create what the CDK needs in an account."""
        self._run("bootstrap", "bootstrap", log="bootstrap")

    def deploy(
        self, pictures: Callable[[], AnySource], *, copy_to: Path | None = None
    ) -> staging.Upload:
        """Deploy the buckets, stage the pictures, then train and deploy the rest.

        `pictures` is called when the buckets exist. With `copy_to`, the pictures are also written
        below that folder, to `copy_to / digest`.
        """
        storage = self.settings.stack_name("Storage")
        self.deploy_stacks(storage, step="deploy storage", log="deploy-storage")
        with self.steps.step("stage data"):
            staged = staging.run(
                self.settings, pictures(), folder=copy_to, console=self.steps.console
            )
        self.deploy_stacks("--all", step="train and deploy the rest")
        return staged

    def deploy_stacks(self, *arguments: str, step: str, log: str = "deploy") -> None:
        """Deploy the stacks that the arguments of `cdk deploy` select."""
        self._run(step, "deploy", "--require-approval", "never", *arguments, log=log)

    def destroy(self) -> None:
        """Destroy every stack."""
        self._run("destroy", "destroy", "--all", "--force", log="destroy")

    def output(self, stack: str, key: str) -> str:
        """Return one output of a stack ("Storage", ...)."""
        return stack_output(self.settings, stack, key)

    def _run(self, step: str, *arguments: str, log: str) -> None:
        with self.steps.step(step) as say:
            self.cdk.run(*arguments, log=log, say=say)


def real_or_drawn(
    settings: Settings, archive: Path | None, console: Console, *, drawn: bool
) -> AnySource:
    """Return the pictures that the settings name, or drawn ones if wanted or without an archive."""
    if drawn:
        settings = staging.with_source(settings, "drawn")
    try:
        return staging.source_of(settings, archive=archive, console=console)
    except ArchiveUnavailableError as error:
        console.print(str(error), style="yellow", soft_wrap=True)
        console.print("Using drawn stand-in pictures instead.", style="bold")
        return staging.source_of(staging.with_source(settings, "drawn"))
