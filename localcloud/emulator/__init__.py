"""Extensions and repairs of ministack; only this package touches its private names."""

from localcloud.emulator import functions, repairs, speed
from localcloud.emulator.enforcement import enforce
from localcloud.emulator.extension import serve
from localcloud.emulator.gate import shut

__all__ = ["enforce", "repair", "serve", "shut"]


def repair() -> None:
    """Make ministack do as AWS does, sooner and on less memory; once, before it serves.

    Raises:
        PrivateNameError: the installed ministack is not the one the repairs were written for.
    """
    functions.repair()
    repairs.repair()
    speed.hasten()
