import os
import signal
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from localcloud.cdk import CdkError
from localcloud.demo.acceptance import run as program
from localcloud.demo.acceptance import teardown
from localcloud.demo.acceptance.check import Check, Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.run import Acceptance
from localcloud.demo.acceptance.teardown import Teardown
from localcloud.demo.signals import raised
from localcloud.deployment import Application
from operations.sweep import Remain
from settings import load
from training import source


class Cloud:
    """Stacks that are there or not, and what else there is."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.stacks: list[str] = []
        self.remains: list[Remain] = []
        self.listed: list[tuple[str, str]] = []
        self.calls: list[str] = []
        self.destroy: Callable[[], None] = self.stacks.clear

    def remain(self, kind: str, name: str) -> None:
        def remove() -> None:
            self.calls.append(f"remove {name}")
            self.remains.remove(it)

        it = Remain(kind, name, f"aws remove {name}", remove)
        self.remains.append(it)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud of `acceptance`, with a fake application on it."""
    fake = Cloud(monkeypatch)
    monkeypatch.setattr(teardown, "existing_stacks", lambda _: list(fake.stacks))
    monkeypatch.setattr(teardown, "find", lambda _: list(fake.remains))
    monkeypatch.setattr(teardown, "listed", lambda: fake.listed)
    monkeypatch.setattr(teardown, "settle", lambda *_: None)
    monkeypatch.setattr(teardown, "_physical_ids", lambda _: {"model-of-a-stack"})
    monkeypatch.setattr(program, "manifests", lambda _: None)
    monkeypatch.setattr(program, "start_other_job", lambda _: fake.calls.append("train"))

    def deploy(*_: object, **__: object) -> None:
        fake.calls.append("deploy")
        fake.stacks.append("Scones-acceptance-Storage")

    def destroy(_: Application) -> None:
        fake.calls.append("destroy")
        fake.destroy()

    monkeypatch.setattr(Application, "deploy", deploy)
    monkeypatch.setattr(Application, "destroy", destroy)
    monkeypatch.setattr("localcloud.demo.signals._TERMINALS", [])
    return fake


def check(look: Callable[[], object] = lambda: None) -> Check:
    def found(_context: Context) -> Finding:
        look()
        return Finding(Verdict.CONFIRMED, "seen")

    return Check("name", "assumption", "expected", "", found)


def run(*checks: Check, before: frozenset[str] = frozenset()) -> Acceptance:
    application = Application(load("acceptance"), Path("nowhere"))
    pictures = lambda: source.drawing(application.settings.dataset.classes)  # noqa: E731
    teardown = Teardown(application, before)
    with raised(application.steps.console) as interrupts:
        acceptance = Acceptance(application, pictures, checks, teardown, interrupts)
        acceptance.run()
    return acceptance


def verdicts(acceptance: Acceptance) -> list[Verdict]:
    return [finding.verdict for _, finding in acceptance.found]


def interrupt(times: int = 1, number: int = signal.SIGINT) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)


def test_a_good_run_ends_with_nothing_left(cloud: Cloud) -> None:
    acceptance = run(check(), check())

    assert cloud.calls == ["deploy", "train", "destroy"]
    assert verdicts(acceptance) == [Verdict.CONFIRMED] * 3
    assert (acceptance.failure, acceptance.interrupted, acceptance.left) == ("", False, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_check_ends_the_checks_and_not_the_teardown(
    cloud: Cloud, number: int
) -> None:
    before = signal.getsignal(number)  # a shell in the background ignores interrupts

    acceptance = run(check(), check(lambda: interrupt(number=number)), check())

    assert cloud.calls[-1] == "destroy"
    assert acceptance.interrupted == number
    not_reached = [Verdict.NOT_REACHED] * 2
    assert verdicts(acceptance) == [Verdict.CONFIRMED, *not_reached, Verdict.CONFIRMED]
    assert signal.getsignal(number) == before


def test_an_interrupted_deployment_is_taken_down(cloud: Cloud) -> None:
    deploy = Application.deploy

    def interrupted(application: Application, *_: object, **__: object) -> None:
        deploy(application, lambda: source.drawing(()))
        interrupt()
        raise AssertionError("not interrupted")

    cloud.patch.setattr(Application, "deploy", interrupted)
    acceptance = run(check())

    assert cloud.calls == ["deploy", "destroy"]
    assert acceptance.interrupted and acceptance.left == []


def test_a_deployment_that_fails_is_taken_down_and_said(cloud: Cloud) -> None:
    def fail(*_: object, **__: object) -> None:
        cloud.stacks.append("Scones-acceptance-Training")
        raise CdkError("training job is Failed: bad hyperparameter\nall of it")

    cloud.patch.setattr(Application, "deploy", fail)
    acceptance = run(check())

    assert cloud.calls == ["destroy"]
    assert acceptance.failure.startswith("training job is Failed")
    # Checks run: what failed may be the answer to one of them.
    assert verdicts(acceptance) == [Verdict.CONFIRMED, Verdict.CONFIRMED]


@pytest.mark.parametrize(("before", "number"), [(0, signal.SIGINT), (1, signal.SIGHUP)])
def test_the_first_interrupt_does_not_stop_the_teardown(
    cloud: Cloud, before: int, number: int
) -> None:
    def destroy() -> None:
        interrupt(before + 1, number)  # a closed terminal sends several
        cloud.stacks.clear()

    cloud.destroy = destroy
    acceptance = run(check(lambda: interrupt(before, number)))

    assert acceptance.left == [] and acceptance.interrupted == before * number


def test_the_second_one_does_and_what_is_left_is_named(cloud: Cloud) -> None:
    cloud.destroy = lambda: interrupt(2)
    acceptance = run(check())

    assert acceptance.interrupted
    (left,) = acceptance.left
    assert left == (
        "stack Scones-acceptance-Storage: cdk destroy --all -c environment=acceptance, "
        "then scones sweep --environment acceptance --delete"
    )
    assert verdicts(acceptance)[-1] is Verdict.NOT_REACHED


def test_a_destroy_that_fails_once_is_tried_again_and_not_hidden(cloud: Cloud) -> None:
    def destroy() -> None:
        if cloud.calls.count("destroy") == 1:
            raise CdkError("a bucket is not empty")
        cloud.stacks.clear()

    cloud.destroy = destroy
    acceptance = run(check())

    assert acceptance.left == []
    assert acceptance.found[-1][1] == Finding(Verdict.REFUTED, "a bucket is not empty")


def test_a_destroy_that_fails_again_leaves_what_it_could_not_remove(cloud: Cloud) -> None:
    cloud.destroy = Mock(side_effect=CdkError("a bucket is not empty"))
    cloud.remain("running training job", "job")
    acceptance = run(check())

    assert len(acceptance.left) == 1
    assert acceptance.found[-1][1].seen.endswith("a bucket is not empty; a bucket is not empty")
    assert cloud.remains == []


def test_what_cannot_be_listed_does_not_keep_the_stacks(cloud: Cloud) -> None:
    cloud.patch.setattr(teardown, "find", Mock(side_effect=RuntimeError("a model went meanwhile")))
    run(check())

    assert cloud.calls[-1] == "destroy"


def test_jobs_are_stopped_before_the_stacks_go_and_logs_removed_after(cloud: Cloud) -> None:
    cloud.remain("running training job", "job")
    cloud.remain("log group", "log")

    acceptance = run(check())

    assert cloud.calls[2:] == ["remove job", "destroy", "remove log"]
    assert acceptance.left == []


def test_what_was_there_before_stays(cloud: Cloud) -> None:
    cloud.remain("log group", "log of an earlier run")

    acceptance = run(check(), before=frozenset({"log of an earlier run"}))

    assert [each.name for each in cloud.remains] == ["log of an earlier run"]
    assert acceptance.left == []


def test_only_what_is_ours_counts_as_left(cloud: Cloud) -> None:
    cloud.listed = [
        ("SageMaker model", "model-of-a-stack"),
        ("SageMaker model", "model-of-somebody-else"),
        ("queue", "https://sqs/scones-acceptance-notices"),
        ("queue", "https://sqs/scones-dev-notices"),
    ]

    assert run(check()).left == [
        "SageMaker model model-of-a-stack: remove it by hand",
        "queue https://sqs/scones-acceptance-notices: remove it by hand",
    ]


def test_a_listing_that_fails_says_so(cloud: Cloud) -> None:
    cloud.patch.setattr(teardown, "listed", Mock(side_effect=RuntimeError("the token has expired")))
    (left,) = run(check()).left

    assert left.startswith("unknown, the listing failed: the token has expired: cdk destroy --all")
