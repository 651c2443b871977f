import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

import localcloud.demo.acceptance.command as program
from localcloud.cdk import Cdk, CdkError
from localcloud.deployment import Application
from operations import costs
from operations.preflight import checks
from operations.preflight.findings import Finding, Verdict
from scones.__main__ import main
from settings import Settings, load
from settings.loader import validate
from tests.unit.conftest import Answers


@pytest.fixture(autouse=True)
def account(aws: None, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty account that has passed the preflight; nothing can be deployed to it."""
    answers["ListStacks"] = lambda _: {"StackSummaries": []}
    preflight_finds(monkeypatch, Finding(Verdict.OK, "well"))
    for step in ("bootstrap", "deploy_stacks", "destroy"):
        monkeypatch.setattr(
            Application, step, Mock(side_effect=AssertionError("something was deployed"))
        )
    monkeypatch.setattr(Application, "synth", lambda _: None)
    monkeypatch.setattr(Cdk, "stacks", lambda _: ["Scones-acceptance-Storage", "and others"])
    monkeypatch.chdir(tmp_path)


def preflight_finds(monkeypatch: pytest.MonkeyPatch, finding: Finding) -> None:
    monkeypatch.setattr(checks, "CHECKS", {"all": lambda *_: iter([finding])})


def settings_of(**sections: Any) -> Settings:
    return validate(sections, environment="acceptance", source="a test")


Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """What the demo says of these arguments, which it refuses."""

    def demo(*arguments: str) -> str:
        assert main(["demo", "--aws", *arguments]) == program.EXIT_REFUSED
        return " ".join("".join(capsys.readouterr()).split())

    return demo


def test_stacks_that_exist_are_not_touched(refused: Refused, answers: Answers) -> None:
    stack = {"StackName": "Scones-acceptance-Storage", "StackStatus": "CREATE_COMPLETE"}
    answers["ListStacks"] = lambda _: {"StackSummaries": [stack]}

    said = refused("--yes")

    assert "Scones-acceptance-Storage exist already" in said
    assert "cdk destroy --all -c environment=acceptance" in said


def test_stacks_of_another_environment_do_not_matter(refused: Refused, answers: Answers) -> None:
    stack = {"StackName": "Scones-dev-Storage", "StackStatus": "CREATE_COMPLETE"}
    answers["ListStacks"] = lambda _: {"StackSummaries": [stack]}

    assert "no terminal to ask in" in refused()


def test_an_environment_that_retains_is_refused(refused: Refused) -> None:
    assert 'retention.removal = "retain"' in refused("--environment", "prod", "--yes")


@pytest.mark.parametrize("section", ["endpoint", "capture"])
def test_an_environment_without_endpoint_or_captures_is_refused(
    section: str, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    settings = settings_of(**{section: {"enabled": False}})
    monkeypatch.setattr(program, "load", lambda _: settings)

    assert "the checks need both" in refused("--yes")


def test_a_problem_of_the_preflight_ends_it(
    monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    preflight_finds(monkeypatch, Finding(Verdict.PROBLEM, "the quota is 0", "ask for more"))

    said = refused("--yes")

    assert "the quota is 0" in said and "nothing was created" in said
    assert "USD" not in said


def test_without_a_terminal_it_wants_yes(refused: Refused) -> None:
    said = refused()

    account = boto3.client("sts").get_caller_identity()["Account"]
    assert f"Account {account}, us-east-1, AWS." in said
    assert "deploys Scones-acceptance-Storage, and others" in said
    assert "estimated from list prices" in said and "2 training jobs, 1 ml.g4dn.xlarge" in said
    assert "--yes skips the question" in said


@pytest.mark.parametrize("answer", ["", "n", "what?"])
def test_anything_but_yes_is_no(
    answer: str, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda *_: answer)

    assert "not confirmed" in refused()


@pytest.mark.parametrize(
    ("owner", "step", "error", "said"),
    [
        (Application, "synth", CdkError("no such algorithm"), "no such algorithm"),
        (program, "existing_stacks", NoCredentialsError(), "no AWS credentials found"),
    ],
)
def test_a_step_that_fails_is_a_refusal(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, error: Any, said: str
) -> None:
    monkeypatch.setattr(owner, step, Mock(side_effect=error))

    assert said in refused("--yes")


@pytest.mark.parametrize(
    "arguments", [["--aws", "--keep"], ["--aws", "--port", "1"], ["--yes"], ["--environment", "x"]]
)
def test_options_that_do_not_go_together(arguments: list[str], tmp_path: Path) -> None:
    assert main(["demo", *arguments, "--out", str(tmp_path)]) == 2


def test_each_part_costs_its_hours_times_its_price() -> None:
    model = costs.read()
    given, hours = model.acceptance, model.instance_hours

    usd = [usd for _, usd in program.estimate(load("acceptance"), model)]

    assert usd == pytest.approx(
        [
            2 * given.training_minutes / 60 * hours["ml.g4dn.xlarge"],
            (given.endpoint_minutes + given.update_minutes) / 60 * hours["ml.m5.xlarge"],
            2 * given.transform_minutes / 60 * hours["ml.m5.xlarge"],
            given.rest_usd,
        ]
    )
    assert 0.5 < sum(usd) < 1.5


def endpoint_usd(**endpoint: object) -> float:
    return program.estimate(settings_of(endpoint=endpoint), costs.read())[1][1]


def test_twice_the_instances_cost_twice() -> None:
    one, two = (endpoint_usd(instance_count=count) for count in (1, 2))
    assert two == pytest.approx(2 * one)


def test_a_price_that_is_missing_is_named() -> None:
    words = r"the endpoint: no price of ml.c5.4xlarge; add it"
    with pytest.raises(program.RefusedError, match=words):
        endpoint_usd(instance_type="ml.c5.4xlarge")
