"""`scones demo --aws` on a local cloud that it takes for an account."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from localcloud.cdk import PROJECT, Cdk
from localcloud.demo.acceptance.checks import CHECKS
from localcloud.demo.acceptance.run import DESTROYED
from localcloud.demo.leftovers import leftovers
from localcloud.launcher import LocalCloud, free_port
from settings import load
from tests.archives import Content, write_archive
from tests.infrastructure.synthesis import ACCOUNT, REGION, write_assembly
from tests.local.deployment import TRAIN_PER_CLASS, VALIDATION_PER_CLASS, pointed_at
from tests.local.waiting import wait
from training.cifar import drawn

SETTINGS = load("acceptance")
LONGEST_SECONDS = 600
ERROR = re.compile(r"on the local cloud: \w+(Error|Exception): ")
NOT_EMULATED = {"log_fields", "transform_log"}
"""Checks that ask for what the local cloud lacks."""


@dataclass(frozen=True)
class Account:
    """A local cloud that was bootstrapped, and nothing more."""

    cloud: LocalCloud
    environment: dict[str, str]
    out: Path
    archive: Path

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "scones", "demo", "--aws", "--out", str(self.out)]
        return subprocess.Popen(
            [*command, "--archive", str(self.archive), *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def training_jobs(self, **of: Any) -> list[str]:
        """Names of the training jobs, all or of a status."""
        found = self.cloud.client("sagemaker").list_training_jobs(**of)["TrainingJobSummaries"]
        return [each["TrainingJobName"] for each in found]

    def found(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.out / "assumptions.json").read_text())
        return content


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Yield the account of all tests here: each leaves nothing in it."""
    folder = tmp_path_factory.mktemp("account")
    with (
        patch.dict(os.environ, SFN_WAIT_SCALE="0.1"),
        LocalCloud(port=free_port(), folder=folder).running() as cloud,
        pointed_at(cloud),
    ):
        # As a person does it once for the account; the command itself does not.
        cdk = Cdk(assembly=folder / "cdk.out", logs=folder)
        write_assembly(SETTINGS, cdk.assembly, account=ACCOUNT, region=REGION)
        cdk.run("bootstrap", log="bootstrap", say=lambda _: None)
        yield Account(cloud, dict(os.environ), folder / "out", small_archive(folder))


def small_archive(folder: Path) -> Path:
    """Write drawn pictures as CIFAR-100 has them, and no more of them than the run needs."""
    drawing = drawn.draw(
        SETTINGS.dataset.classes,
        train_per_class=TRAIN_PER_CLASS,
        validation_per_class=VALIDATION_PER_CLASS,
    )
    names = [name.encode() for name in drawing.class_names]
    content: Content = {
        split: {
            b"filenames": [name.encode() for name in pictures.file_names],
            b"fine_labels": list(pictures.labels),
            b"coarse_labels": [0] * len(pictures.labels),
            b"batch_label": b"drawn",
            b"data": pictures.rows,
        }
        for split, pictures in (("train", drawing.train), ("test", drawing.test))
    }
    content["meta"] = {b"fine_label_names": names, b"coarse_label_names": [b"all"]}
    return write_archive(folder / "drawn.tar.gz", content)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    printed, _ = process.communicate(timeout=LONGEST_SECONDS)
    return process.returncode, printed


def test_every_assumption_is_looked_at_and_nothing_is_left(account: Account) -> None:
    code, printed = ended(account.run("--yes"))

    assert code == 0, printed
    found = {each["name"]: each for each in account.found()["assumptions"]}
    assert list(found) == [each.name for each in (*CHECKS, DESTROYED)]
    expected = {each.name: "not shown here" if each.aws_only else "confirmed" for each in CHECKS}
    expected[DESTROYED.name] = "confirmed"
    assert {name: each["verdict"] for name, each in found.items()} == expected, printed
    # A check that breaks is not shown here, either: only these may have an error.
    broken = {name: each["seen"] for name, each in found.items() if ERROR.match(each["seen"])}
    assert broken.keys() <= NOT_EMULATED, broken
    assert leftovers() == []
    assert "000000000000" not in (account.out / "assumptions.json").read_text()


def test_an_interrupted_run_is_taken_down(account: Account) -> None:
    before = account.training_jobs()
    process = account.run("--yes")

    def trains() -> bool:
        assert process.poll() is None, ended(process)
        return bool(account.training_jobs(StatusEquals="InProgress"))

    wait(trains, LONGEST_SECONDS)
    process.send_signal(signal.SIGTERM)
    code, printed = ended(process)

    assert code == 128 + signal.SIGTERM, printed
    assert len(account.training_jobs()) == len(before) + 1
    assert account.training_jobs(StatusEquals="InProgress") == []
    assert leftovers() == []
    found = account.found()
    assert found["failure"] == "interrupted" and found["left"] == []
    assert {each["verdict"] for each in found["assumptions"][:-1]} == {"not reached"}
