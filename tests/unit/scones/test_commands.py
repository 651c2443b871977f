import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from scones.__main__ import app, entry_point, main

ROOT = Path(__file__).parents[3]
VERBS = {*typer.main.get_command(app).commands}  # type: ignore[attr-defined]  # it is a group
TEXTS = ("README.md", "CONTRIBUTING.md", "Makefile", "docs/*.md", ".github/**/*.yml", "settings/*")
PRODUCT = ("analysis", "benchmarks", "lambda_src", "localcloud", "operations", "scones", "stacks")

COMMANDS = [
    ["classify", "s3://bucket/folder"],
    ["demo", "--aws"],
    ["report", "--environment", "dev"],
    ["report", "captures", "--truth", "s3://bucket/folder"],
    ["sample", "s3://bucket/captures", "--classes", "a,b"],
    ["sweep"],
    ["stage", "--drawn"],
    ["train", "--max-runtime-minutes", "10"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_where_it_acts_before_it_calls_aws(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail(f"{command} called AWS before it said where")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)
    monkeypatch.setattr("operations.aws.account_id", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(command)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_without_a_region_ends_with_the_remedy(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command) in (1, 2)
    said = "".join(capsys.readouterr())
    assert "no AWS region is set: export AWS_REGION=" in said


ENVIRONMENTS = [
    ["classify", "s3://bucket/folder"],
    ["demo", "--aws"],
    ["preflight"],
    ["report"],
    ["sample"],
    ["stage"],
    ["sweep"],
    ["train", "--max-runtime-minutes", "10"],
]


@pytest.mark.parametrize("command", ENVIRONMENTS, ids=" ".join)
def test_an_unknown_environment_is_refused_on_standard_error(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--environment", "nowhere"]) == (2 if "--aws" in command else 1)
    said = capsys.readouterr()
    assert "environment 'nowhere' has no settings file" in said.err
    assert said.out == ""


@pytest.mark.parametrize("verb", [*sorted(VERBS), "local up", "local status"])
def test_help_names_the_exit_codes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb.split(), "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0 " in said or verb == "local"


def test_the_console_script_runs_the_verbs() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("scones", scripts["scones"], "console_scripts").load() is entry_point

    run = subprocess.run(
        [sys.executable, "-c", "from scones.__main__ import entry_point; entry_point()", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for verb in VERBS:
        assert re.search(rf"\b{verb} ", run.stdout), verb


@pytest.mark.parametrize(("command", "code"), [(["report", "--help"], 0), (["preflight"], 1)])
def test_a_locale_without_the_characters_of_a_table_shows_others(
    command: list[str], code: int
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "scones", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code
    assert run.stderr == ""
    assert "?" in run.stdout


def test_a_reader_that_has_enough_sees_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        run = subprocess.run(
            [sys.executable, "-m", "scones", "report", "--help"],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == ""


def test_every_verb_that_a_text_names_exists() -> None:
    files = [path for pattern in TEXTS for path in ROOT.glob(pattern) if path.is_file()]
    files += [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
    named = {
        verb
        for path in files
        for verb in re.findall(r"(?<!from )\bscones ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert named - VERBS == set()
    assert named == VERBS


def test_environments_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "_SCONES_COMPLETE": "complete_bash",
        "COMP_WORDS": "scones stage --environment d",
        "COMP_CWORD": "3",
    }.items():
        monkeypatch.setenv(name, value)

    assert main([]) == 0
    assert capsys.readouterr().out.split() == ["dev"]


@pytest.mark.parametrize(
    ("missing", "command", "says"),
    [
        ("localcloud", ["demo"], "has no folder localcloud/, which this command needs"),
        ("localcloud", ["local", "up"], "has no folder localcloud/, which this command needs"),
        (
            "ministack",
            ["local", "up", "--port", "1"],
            "the package ministack is not installed; run: pip install -r requirements/local.txt",
        ),
        (
            "sagemaker",
            ["train", "--max-runtime-minutes", "10"],
            "the package sagemaker is not installed; run: pip install -r requirements/sdk.txt",
        ),
    ],
)
def test_what_a_verb_lacks_is_named_with_the_remedy(
    missing: str,
    command: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)

    assert main(command) == 1
    assert says in capsys.readouterr().err


def test_importing_the_command_line_loads_no_heavy_package() -> None:
    heavy = {"aws_cdk", "matplotlib", "numpy", "pandas", "PIL", "scipy", "sklearn"}
    heavy |= {"sagemaker", "ministack"}
    code = "import scones.__main__, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert heavy & set(run.stdout.split()) == set()


@pytest.mark.parametrize("path", ["a b", "it's", '"a"', "$HOME/$(id)/`id`", "#1, <a> & b;c|d\\"])
def test_make_hands_over_a_path_as_it_is(path: str) -> None:
    command = ["make", "--no-print-directory", "--dry-run", "demo", f"PICTURES={path}"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert shlex.split(recipe.splitlines()[-1])[-2:] == ["--pictures", path]
