"""One assumption about AWS, how it is checked, and what the check found."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from localcloud.demo.acceptance.context import Context, NotReachedError
from operations.aws import ExecutionFailedError

SHOWN = 4


class Verdict(Enum):
    """Relation of what was seen to what was expected."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    NOT_SHOWN = "not shown here"
    """This cloud, or this run, cannot show it."""
    NOT_REACHED = "not reached"
    """Something that the check needs is missing, or could not be asked."""


@dataclass(frozen=True)
class Finding:
    """Result of a check."""

    verdict: Verdict
    seen: str


@dataclass(frozen=True)
class Assumption:
    """An assumption about AWS, and what is seen if it holds."""

    name: str
    assumption: str
    expected: str
    section: str
    """Heading of docs/fidelity.md under which the assumption belongs."""


@dataclass(frozen=True)
class Check(Assumption):
    """An assumption with the function that looks."""

    look: Callable[[Context], Finding]
    aws_only: bool = False
    """A local cloud cannot show it: it only does what its authors assumed of AWS."""
    of_execution: bool = False
    """A failed execution refutes it; the other checks only lack something."""

    def run(self, context: Context) -> Finding:
        """Return what was found; an error of the check is a finding, so that others go on."""
        try:
            found = self.look(context)
        except NotReachedError as error:
            refuted = self.of_execution and isinstance(error.__cause__, ExecutionFailedError)
            found = Finding(Verdict.REFUTED if refuted else Verdict.NOT_REACHED, str(error))
        except Exception as error:
            found = Finding(Verdict.NOT_REACHED, f"{type(error).__name__}: {error}")
        if self.aws_only and context.local:
            return Finding(Verdict.NOT_SHOWN, f"on the local cloud: {found.seen}")
        return found


def check(
    *, expected: str, section: str, aws_only: bool = False, of_execution: bool = False
) -> Callable[[Callable[[Context], Finding]], Check]:
    """Make a `Check` of a function: its name is that of the check, its docstring the assumption."""

    def decorate(look: Callable[[Context], Finding]) -> Check:
        assumption = " ".join((look.__doc__ or "").split()).removesuffix(".")
        return Check(look.__name__, assumption, expected, section, look, aws_only, of_execution)

    return decorate


def first_of(items: Collection[str]) -> str:
    """Return the first few items, and how many more there are."""
    shown = list(items)[:SHOWN]
    more = [f"and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return ", ".join([*shown, *more]) or "none"


def confirmed_if(holds: bool, seen: str) -> Finding:
    """Return a finding that confirms or refutes."""
    return Finding(Verdict.CONFIRMED if holds else Verdict.REFUTED, seen)
