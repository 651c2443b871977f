"""The benchmark command with two pictures, and the handlers of others that it runs beside ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from benchmarks import __main__ as command
from benchmarks.cloud import Cloud
from benchmarks.comparator import workflow
from localcloud.demo.leftovers import leftovers
from localcloud.deployment import Application
from operations import costs
from tests.local.deployment import Deployment
from training import source
from training.cifar import drawn
from training.source import CifarSource


def test_the_command_measures_every_part_that_needs_a_cloud(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def deployed(*_: object) -> Iterator[Cloud]:
        application = Application(deployment.settings, tmp_path)
        yield Cloud(deployment.cloud, application)

    pictures = drawn.draw(["bicycle", "motorcycle"], train_per_class=2, validation_per_class=1)
    monkeypatch.setattr(command, "deployed", deployed)
    monkeypatch.setattr(source, "drawing", lambda _: CifarSource("drawn", pictures))
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
    left = "\n".join(leftovers())
    assert workflow.NAME not in left
    assert "bucket: benchmark-" not in left


def test_a_low_confidence_fails_by_the_name_of_the_handlers_exception(
    deployment: Deployment,
) -> None:
    session = boto3.Session()
    image = deployment.image(next(iter(deployment.dataset.ground_truth)))

    with (
        workflow.functions(session, threshold=1.1) as functions,
        workflow.state_machine(session, workflow.chain(functions)) as machine,
    ):
        state = deployment.execute({"image_data": "", "inferences": [], **image}, machine=machine)

    assert (state["status"], state["error"]) == ("FAILED", "THRESHOLD_CONFIDENCE_NOT_MET")
    assert "confidence is too low" in state["cause"]
