"""The benchmark command with two pictures: every row comes out, and nothing is left behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from benchmarks import __main__ as command
from benchmarks.cloud import Cloud
from benchmarks.comparator.workflow import NAME
from localcloud.deployment import Application
from operations import costs
from tests.local.deployment import Deployment
from training import drawn, source
from training.source import Source


def test_the_command_measures_every_part_that_needs_a_cloud(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def deployed(*_: object) -> Iterator[Cloud]:
        application = Application(deployment.settings, tmp_path)
        yield Cloud(deployment.cloud, application)

    pictures = drawn.draw(["bicycle", "motorcycle"], train_per_class=2, validation_per_class=1)
    monkeypatch.setattr(command, "deployed", deployed)
    monkeypatch.setattr(source, "drawing", lambda _: Source("drawn", pictures))
    out = tmp_path / "benchmarks.md"

    counts = ["--repeats", "1", "--pictures", "2", "--growth", "2"]
    command.main(["--only", "staging", "workflow", "growth", *counts, "--drawn", "--out", str(out)])

    lines = [line.strip("| ").split(" | ") for line in out.read_text().splitlines()]
    rows = {line[0]: line[1:] for line in lines if len(line) == 5}
    for measure in ("staging, upload included", "warm, 2 pictures", "cold, 1 picture"):
        assert float(rows[measure][3]) > 0
    assert float(rows["largest Map output"][3]) > 8
    assert rows["state transitions"][1:3] == [str(costs.STEPS)] * 2
    for path in ("inline", "bulk", "batch"):
        assert float(rows[f"{path}, 2 pictures"][1]) > 0
    _assert_nothing_is_left()


def _assert_nothing_is_left() -> None:
    functions = boto3.client("lambda").list_functions()["Functions"]
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]
    buckets = boto3.client("s3").list_buckets()["Buckets"]

    assert not [each for each in functions if each["FunctionName"].startswith(NAME)]
    assert not [each for each in machines if each["name"] == NAME]
    assert not [bucket for bucket in buckets if bucket["Name"].startswith("benchmark-")]
