import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import pytest
from rich.console import Console

from localcloud.demo.signals import ENDING, Ended, ending_with, number_of, raised
from localcloud.launcher import LocalCloud, LocalCloudError


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those of the tests, restored at the end; the terminal of the tests stays."""
    monkeypatch.setattr("localcloud.demo.signals._TERMINALS", [])
    before = {each: signal.getsignal(each) for each in (*ENDING, signal.SIGCHLD)}
    for each in ENDING:
        signal.signal(each, signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", ENDING)
def test_of_several_signals_the_second_warns_and_all_others_are_raised(
    number: signal.Signals,
) -> None:
    console = Console(width=80)
    with console.capture() as capture, raised(console):
        with pytest.raises(Ended) as ended:
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Ended):
            os.kill(os.getpid(), signal.SIGTERM)

    assert number_of(ended.value) == number
    assert capture.get().count("Interrupt once more") == 1


def test_a_closed_terminal_that_sends_several_signals_is_one_interrupt() -> None:
    with raised(Console(quiet=True)) as interrupts:
        with pytest.raises(Ended):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)

    assert interrupts.ending and not interrupts.warned


def test_an_ignored_hangup_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with raised(Console(quiet=True)):
        os.kill(os.getpid(), signal.SIGHUP)


class Finalized:
    """Gets a signal in its finalizer, where Python ignores exceptions."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


def finalize(number: signal.Signals) -> None:
    Finalized(number)
    time.sleep(10)  # what is raised ends it


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_in_a_finalizer_is_raised_after_it(number: signal.Signals) -> None:
    with raised(Console(quiet=True)) as interrupts, pytest.raises(Ended) as ended:
        finalize(number)

    assert number_of(ended.value) == number
    assert interrupts.ending and not interrupts.warned


def test_the_end_of_the_cloud_in_a_finalizer_ends_the_block() -> None:
    cloud = Cloud()

    def block() -> None:
        with ending_with(cast(LocalCloud, cloud)):
            cloud.error = LocalCloudError("the local cloud ended")
            finalize(signal.SIGCHLD)

    with pytest.raises(LocalCloudError):
        block()


def test_ctrl_c_has_its_number() -> None:
    assert number_of(KeyboardInterrupt()) == signal.SIGINT


class Cloud:
    """A local cloud that ends when it is told to."""

    error: LocalCloudError | None = None

    def ended(self) -> LocalCloudError | None:
        return self.error


@pytest.mark.parametrize("before", [True, False])
def test_the_end_of_the_cloud_ends_the_block(before: bool) -> None:
    cloud = Cloud()
    reached: list[str] = []

    def end() -> None:
        cloud.error = LocalCloudError("the local cloud ended")

    def block() -> None:
        with ending_with(cast(LocalCloud, cloud)):
            subprocess.run(["true"], check=True)  # some other process
            reached.append("the block")
            end()
            subprocess.run(["true"], check=True)
            reached.append("its end")

    if before:
        end()
    with pytest.raises(LocalCloudError, match="the local cloud ended"):
        block()
    assert reached == ([] if before else ["the block"])
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL


def test_no_handling_of_errors_hides_the_end_of_the_cloud() -> None:
    cloud = Cloud()

    def block() -> None:
        with ending_with(cast(LocalCloud, cloud)):
            cloud.error = LocalCloudError("the local cloud ended")
            with suppress(Exception):  # as a client does that tries again
                subprocess.run(["true"], check=True)

    with pytest.raises(LocalCloudError, match="the local cloud ended"):
        block()
