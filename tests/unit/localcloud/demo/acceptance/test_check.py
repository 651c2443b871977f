from pathlib import Path

import pytest

from localcloud.demo.acceptance.check import Check, Finding, Verdict, confirmed_if, first_of
from localcloud.demo.acceptance.context import Context, NotReachedError, dataset, is_local, once
from localcloud.deployment import Application
from operations.aws import ExecutionFailedError
from settings import load


def context(*, local: bool = False) -> Context:
    return Context(Application(load("acceptance"), Path("nowhere")), local=local)


def run(found: Finding | Exception, *, local: bool = False, **options: bool) -> Finding:
    def look(_context: Context) -> Finding:
        if isinstance(found, Exception):
            raise found
        return found

    return Check("name", "assumption", "expected", "", look, **options).run(context(local=local))


@pytest.mark.parametrize("holds", [True, False])
def test_what_is_found_is_the_finding_but_for_what_only_aws_shows_on_an_emulator(
    holds: bool,
) -> None:
    found = confirmed_if(holds, "seen")

    assert found.verdict is (Verdict.CONFIRMED if holds else Verdict.REFUTED)
    assert run(found) == run(found, aws_only=True) == found
    assert run(found, aws_only=True, local=True) == Finding(
        Verdict.NOT_SHOWN, "on the local cloud: seen"
    )


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (NotReachedError("no endpoint"), "no endpoint"),
        (RuntimeError("no network"), "RuntimeError: no network"),
    ],
)
def test_an_error_is_a_finding(error: Exception, seen: str) -> None:
    assert run(error) == Finding(Verdict.NOT_REACHED, seen)


def test_an_interrupt_is_none() -> None:
    def look(_context: Context) -> Finding:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Check("name", "assumption", "expected", "", look, aws_only=True).run(context(local=True))


def test_an_execution_that_fails_refutes_only_the_check_of_it() -> None:
    error = NotReachedError("it failed")
    error.__cause__ = ExecutionFailedError("it failed")

    assert run(error, of_execution=True).verdict is Verdict.REFUTED
    assert run(error).verdict is Verdict.NOT_REACHED


def test_evidence_is_gathered_once() -> None:
    gathered: list[str] = []

    @once
    def gather(_context: Context, what: str) -> str:
        gathered.append(what)
        if what == "nothing":
            raise ValueError("there is none")
        return what

    evidence = context()

    assert gather(evidence, "it") == gather(evidence, "it") == "it"
    for _ in range(2):
        with pytest.raises(NotReachedError, match="gather: there is none") as raised:
            gather(evidence, "nothing")
        assert isinstance(raised.value.__cause__, ValueError)
    assert gathered == ["it", "nothing"]


def test_without_a_deployment_nothing_of_it_is_reached() -> None:
    failed = context()
    failed.not_deployed = "stack failed\nand more"

    for ask in (lambda: failed.output("Storage", "DataBucketName"), lambda: dataset(failed)):
        with pytest.raises(NotReachedError, match="not deployed: stack failed$"):
            ask()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("", False),
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("https://sagemaker.us-east-1.amazonaws.com", False),
        ("http://10.0.0.1:4566", False),
    ],
)
def test_an_emulator_is_known_by_its_address(url: str, local: bool) -> None:
    assert is_local({"AWS_ENDPOINT_URL": url} if url else {}) is local


def test_many_are_counted() -> None:
    assert first_of([]) == "none"
    assert first_of(["a", "b"]) == "a, b"
    assert first_of(list("abcdefg")) == "a, b, c, d, and 3 more"
