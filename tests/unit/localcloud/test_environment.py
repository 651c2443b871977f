import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from localcloud import environment
from localcloud.credentials import Credentials
from localcloud.environment import (
    CALLS_FILE,
    CREDENTIALS_FILE,
    client_environment,
    foreign_variables,
    server_environment,
)
from scones.__main__ import main

CREDENTIALS = Credentials("key", "ours")


def test_the_client_environment_leads_to_the_emulator_only() -> None:
    caller = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "the caller's",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere.example",
    }

    environment = client_environment(caller, 4600, CREDENTIALS)

    assert environment["PATH"] == "/bin"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4600"
    assert environment["AWS_ACCESS_KEY_ID"] == "key"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "ours"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3"} & environment.keys()


def test_the_cdk_cli_polls_stacks_more_often_and_waits_as_long_for_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / 'José\'s "projects"' / "impatient_cdk.cjs"
    script.parent.mkdir()
    shutil.copy(environment._IMPATIENT_CDK, script)
    monkeypatch.setattr(environment, "_IMPATIENT_CDK", script)
    timers = "for (const delay of [1000, 5000]) setTimeout(() => console.log(delay), delay)"
    caller = {"NODE_OPTIONS": "--no-deprecation"}

    variables = client_environment(caller, 4600, CREDENTIALS)
    node = str(Path(sys.executable).parent / "node")
    ended = subprocess.run([node, "--eval", timers], env=variables, stdout=PIPE, check=True)

    assert ended.stdout.split() == [b"5000", b"1000"]
    assert variables["NODE_OPTIONS"].startswith("--no-deprecation ")


def test_foreign_variables_are_those_that_must_be_unset() -> None:
    caller = {"PATH": "/bin", "AWS_PROFILE": "production", "AWS_REGION": "eu-west-1"}

    assert foreign_variables(caller) == ["AWS_PROFILE"]


def test_the_server_environment_has_no_aws_access(tmp_path: Path) -> None:
    caller = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": "x"}

    environment = server(tmp_path, caller)

    assert "secret" not in environment.values()
    # In the server itself this would send its Lambda workers somewhere else.
    assert "AWS_ENDPOINT_URL" not in environment
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["GATEWAY_PORT"] == "4600"
    assert environment["TMPDIR"] == str(tmp_path)


def test_the_caller_may_choose_how_long_state_machines_wait(tmp_path: Path) -> None:
    assert 0 < float(server(tmp_path)["SFN_WAIT_SCALE"]) < 1
    assert server(tmp_path, {"SFN_WAIT_SCALE": "1"})["SFN_WAIT_SCALE"] == "1"


def test_the_server_judges_calls_only_if_it_has_a_file_for_them(tmp_path: Path) -> None:
    judging = server(tmp_path, calls=tmp_path / "calls.jsonl")
    allowing = server(tmp_path, {"AUTH": "true"})

    assert (judging["AUTH"], judging[CALLS_FILE]) == ("true", str(tmp_path / "calls.jsonl"))
    assert allowing["AUTH"] == "false"


def test_the_server_is_told_where_its_credentials_are_not_what_they_are(tmp_path: Path) -> None:
    assert server(tmp_path)[CREDENTIALS_FILE] == str(tmp_path / "credentials")


def server(
    folder: Path, caller: dict[str, str] | None = None, calls: Path | None = None
) -> dict[str, str]:
    credentials = folder / "credentials"
    return server_environment(caller or {}, 4600, folder, calls=calls, credentials=credentials)


def test_no_proxy_is_extended_not_replaced() -> None:
    assert client_environment({"NO_PROXY": "a,b"}, 1, CREDENTIALS)["NO_PROXY"] == (
        "a,b,127.0.0.1,localhost"
    )
    assert client_environment({"no_proxy": "127.0.0.1"}, 1, CREDENTIALS)["no_proxy"] == (
        "127.0.0.1,localhost"
    )


@pytest.mark.parametrize("port", ["70000", "65536", "0", "-1", "1e3", "", "9" * 5000])
@pytest.mark.parametrize("verb", [["local", "status"], ["demo"]], ids=" ".join)
def test_what_is_no_port_is_refused_as_wrong_usage(
    verb: list[str], port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, f"--port={port}"]) == 2
    assert "--port" in capsys.readouterr().err
