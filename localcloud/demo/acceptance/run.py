"""One run: deploy, check, take down; then the report of what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from localcloud.demo.acceptance.check import Check, Claim, Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.interrupts import interrupts
from localcloud.demo.acceptance.report import Row
from localcloud.demo.acceptance.teardown import Teardown
from localcloud.demo.signals import number_of
from localcloud.deployment import Application

# No check: the run sees it at its end.
DESTROYED = Claim(
    name="destroy_leaves_nothing",
    assumption="Destroy leaves nothing but logs of SageMaker, which sweep removes",
    expected="nothing is left",
    section="Stacks",
)


@dataclass
class Acceptance:
    """A run on one application."""

    application: Application
    checks: Sequence[Check]
    teardown: Teardown
    rows: list[Row] = field(default_factory=list)
    failure: str = ""
    interrupted: int = 0
    """Number of the signal that ended it early, 0 if none did."""
    left: list[str] = field(default_factory=list)
    taken_down: bool = True
    """Whether the teardown ran to its end, and what is left could be listed."""

    def run(self) -> None:
        """Fill the rows; what was made is gone afterwards, or named in `left`."""
        context = Context(self.application)
        with interrupts(self.application.steps.console) as state:
            try:
                self._deploy(context)
                for each in self.checks:
                    with self.application.steps.step(each.name):
                        self.rows.append(Row(each, each.run(context)))
            except KeyboardInterrupt as interrupt:
                self.interrupted = number_of(interrupt)
                self.failure = "interrupted"
            finally:
                state.ending = True
                self._take_down()
                self._look_what_is_left()
        why = Finding(Verdict.NOT_REACHED, self.failure.partition("\n")[0])
        self.rows += [Row(each, why) for each in self.checks[len(self.rows) :]]
        self.rows.append(Row(DESTROYED, self._destroyed()))

    def _deploy(self, context: Context) -> None:
        try:
            self.application.deploy()
        except Exception as error:
            # The checks run all the same: what failed may be the answer to one of them.
            self.failure = context.not_deployed = str(error) or repr(error)
            return
        # Both take minutes; they run while other things are checked.
        for preset in context.other_presets:
            _try(partial(context.other_job, preset))
        _try(context.transforms)

    def _take_down(self) -> None:
        try:
            self.teardown.run()
        except KeyboardInterrupt as interrupt:
            self.interrupted = number_of(interrupt)
            self.taken_down = False
            self.failure = self.failure or "interrupted while taking down"

    def _look_what_is_left(self) -> None:
        try:
            with self.application.steps.step("look what is left"):
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


def _try(start: Callable[[], object]) -> None:
    try:
        start()
    except Exception:
        return  # remembered as the reason by those checks that need it
