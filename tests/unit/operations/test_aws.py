import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from operations import aws
from operations.aws import REGION_VARIABLES

ROOT = Path(__file__).parents[3]
# The emulator is not to see the shell's access, and functions have an environment of their own.
WITHOUT = (
    "localcloud/emulator",
    "localcloud/sagemaker",
    "localcloud/algorithm",
    "localcloud/launcher.py",
    "lambda_src",
    "benchmarks/comparator/handlers",
    "tests",
    "operations/aws.py",
)


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of profiles: `abroad` has a region, `plain` has none, nor has the default one."""
    config = tmp_path / "config"
    config.write_text("[profile abroad]\nregion = sa-east-1\n[profile plain]\noutput = json\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return config


def test_variables_win_in_the_order_of_the_cdk_cli_and_over_the_profile(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "abroad")
    assert aws.region() == "sa-east-1"
    for number, variable in enumerate(reversed(REGION_VARIABLES), 1):
        monkeypatch.setenv(variable, f"xx-test-{number}")
        assert aws.region() == f"xx-test-{number}"
    assert REGION_VARIABLES[0] == "AWS_REGION"


def test_clients_are_in_the_region_of_the_cdk_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert aws.session().client("sqs").meta.region_name == "eu-central-1"


def test_an_empty_variable_names_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert aws.region() == "us-east-2"


def test_a_profile_without_region_has_that_of_the_default_profile(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "plain")
    with pytest.raises(aws.NoRegionError, match="export AWS_REGION"):
        aws.region()
    profiles.write_text(profiles.read_text() + "[default]\nregion = eu-west-3\n")
    assert aws.region() == "eu-west-3"


def test_another_environment_has_another_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for key in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        credentials = aws.session().get_credentials()
        assert credentials is not None
        assert credentials.access_key == key


def test_account_and_region_are_announced_beside_the_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with mock_aws():
        aws.announce()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "AWS: account 123456789012, eu-west-1\n"


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return answers of DescribeExecution in turn; moto runs no state machine."""
    client = boto3.client("stepfunctions", region_name="us-east-1")
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(client, "start_execution", lambda **_: {"executionArn": "arn:execution"})
    monkeypatch.setattr(
        client,
        "describe_execution",
        lambda executionArn: {"executionArn": executionArn, **answers.pop(0)},
    )
    monkeypatch.setattr(aws, "session", lambda: SimpleNamespace(client=lambda _: client))
    return answers


def test_an_execution_is_awaited_and_described(described: list[dict[str, Any]]) -> None:
    described += [{"status": "RUNNING"}, {"status": "SUCCEEDED", "output": "{}"}]
    looks: list[int] = []

    ended = aws.execute("arn", {}, poll_seconds=0, on_poll=lambda: looks.append(len(described)))

    assert ended["output"] == "{}"
    assert looks == [1, 0]


@pytest.mark.parametrize("cause", ["no images", '{"errorMessage": "no images", "stackTrace": []}'])
def test_an_execution_that_failed_is_named_with_its_error(
    described: list[dict[str, Any]], cause: str
) -> None:
    described += [{"status": "FAILED", "error": "InvalidInput", "cause": cause}]

    with pytest.raises(
        aws.ExecutionFailedError, match="arn:execution is FAILED: InvalidInput: no images$"
    ):
        aws.execute("arn", {}, poll_seconds=0)


def test_nothing_else_makes_sessions_or_clients_of_boto3() -> None:
    makers = []
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith((*WITHOUT, ".venv", "node_modules", "out", "cdk.out")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called.startswith(("boto3.", "botocore.session.")):
                    makers.append(f"{place}: {called}")
    assert makers == []
