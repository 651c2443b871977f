"""An execution begins with its first state at once; ministack waits 0.15 s before it."""

from types import FunctionType

from localcloud.emulator.names import PrivateNameError, private

RUN = "ministack.services.stepfunctions:_run_execution"
WAIT_SECONDS = 0.15


def repair() -> None:
    """Let the wait at the start of the function be one of 0 seconds.

    Raises:
        PrivateNameError: the function waits for another time, or nowhere.
    """
    run: FunctionType = private(RUN)
    constants = run.__code__.co_consts
    if constants.count(WAIT_SECONDS) != 1:
        raise PrivateNameError(f"{RUN} with the constant {WAIT_SECONDS} in it once")
    without_wait = tuple(0 if constant == WAIT_SECONDS else constant for constant in constants)
    run.__code__ = run.__code__.replace(co_consts=without_wait)
