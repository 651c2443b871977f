"""What a check found."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; the deployment succeeds all the same."""
    PROBLEM = "problem"
    """The deployment would fail, or not do what the settings ask for."""
    NOT_CHECKED = "could not check"


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    verdict: Verdict
    what: str
    remedy: str = ""
