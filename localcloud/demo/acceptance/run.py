"""One run: deploy, check, take down."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from localcloud.demo.acceptance.batch_checks import manifests
from localcloud.demo.acceptance.check import Assumption, Check, Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.teardown import Teardown
from localcloud.demo.acceptance.training_checks import start_other_job
from localcloud.demo.signals import Interrupts, number_of
from localcloud.deployment import Application
from training.source import AnySource

DESTROYED = Assumption(
    name="destroy_leaves_nothing",
    assumption="Destroy leaves nothing but logs of SageMaker, which sweep removes",
    expected="nothing is left",
    section="Stacks",
)


@dataclass
class Acceptance:
    """A run on one application."""

    application: Application
    pictures: Callable[[], AnySource]
    checks: Sequence[Check]
    teardown: Teardown
    interrupts: Interrupts
    found: list[tuple[Assumption, Finding]] = field(default_factory=list)
    failure: str = ""
    """What ended the run early; empty if nothing did."""
    interrupted: int = 0
    """Number of the signal that ended it early; 0 if none did."""
    left: list[str] = field(default_factory=list)
    taken_down: bool = True
    """True if the teardown finished and what is left could be listed."""

    def run(self) -> None:
        """Fill `found`; what was created is gone afterwards, or named in `left`."""
        context = Context(self.application)
        try:
            self._deploy(context)
            for each in self.checks:
                with self.application.steps.step(each.name):
                    self.found.append((each, each.run(context)))
        except KeyboardInterrupt as interrupt:
            self.interrupted = number_of(interrupt)
            self.failure = "interrupted"
        finally:
            self.interrupts.ending = True
            self._take_down()
            self._look_what_is_left()
        why = Finding(Verdict.NOT_REACHED, self.failure.partition("\n")[0])
        self.found += [(each, why) for each in self.checks[len(self.found) :]]
        self.found.append((DESTROYED, self._destroyed()))

    def _deploy(self, context: Context) -> None:
        try:
            self.application.deploy(self.pictures, copy_to=self.application.folder / "datasets")
        except Exception as error:
            # The checks run all the same: what failed may be the answer to one of them.
            self.failure = context.not_deployed = str(error) or repr(error)
            return
        # These take minutes and run during the other checks. Those that need them report an error.
        for begin in (start_other_job, manifests):
            with suppress(Exception):
                begin(context)

    def _take_down(self) -> None:
        try:
            self.teardown.run()
        except KeyboardInterrupt as interrupt:
            self.interrupted = number_of(interrupt)
            self.taken_down = False
            self.failure = self.failure or "interrupted while taking down"

    def _look_what_is_left(self) -> None:
        try:
            with self.application.steps.step("check what is left"):
                self.left = self.teardown.left()
        except (Exception, KeyboardInterrupt) as error:
            reason = str(error) or repr(error)
            self.taken_down = False
            self.left = [f"unknown, the listing failed: {reason}: {self.teardown.commands}"]

    def _destroyed(self) -> Finding:
        seen = "; ".join([*self.left, *self.teardown.problems]) or "nothing"
        if not self.taken_down:
            return Finding(Verdict.NOT_REACHED, seen)
        holds = not self.left and not self.teardown.problems
        return Finding(Verdict.CONFIRMED if holds else Verdict.REFUTED, seen)
