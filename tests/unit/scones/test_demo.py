import os
import shutil
import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from localcloud.demo import command as program
from localcloud.demo import signals
from localcloud.demo.summary import Summary
from localcloud.demo.workflow import Outcome
from localcloud.guard import lock
from localcloud.launcher import LocalCloudError
from operations.datasets import StagedPictures
from scones.__main__ import main


class FakeCloud:
    """A local cloud that only remembers."""

    calls: list[str]
    iam: bool

    def __init__(self, port: int, *, iam: bool) -> None:
        self.port = port
        FakeCloud.iam = iam
        self.endpoint_url = f"http://localhost:{port}"
        self.log = self.folder = Path("no/such/folder")
        FakeCloud.calls = []

    def start(self) -> None:
        self.calls.append("start")

    def detach(self) -> None:
        self.calls.append("detach")

    def ended(self) -> LocalCloudError | None:
        return None

    def stop(self) -> None:
        self.calls.append("stop")

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def command(self, verb: str) -> str:
        return f"scones local {verb} --port {self.port}"


def summary(left: list[str] | None) -> Summary:
    return Summary(
        dataset=StagedPictures("drawn", 4, {"a": "bicycle", "b": "motorcycle"}),
        validation_accuracy=1.0,
        outcome=Outcome(images=2, accepted=2, rejected=0, errors=0, accuracy=1.0),
        notifications=0,
        captures=2,
        left_after_destroy=left,
        seconds={},
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the program with its steps replaced; return exit code and output folder."""
    monkeypatch.setattr(program, "LocalCloud", FakeCloud)

    def call(result: Summary | BaseException, *arguments: str) -> tuple[int, Path]:
        def steps(*_: object, destroy: bool) -> Summary:
            FakeCloud.calls.append(f"destroy: {destroy}")
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(program, "run", steps)
        out = tmp_path / "out"
        return main(["demo", "--out", str(out), *arguments]), out

    return call


def test_a_good_run_ends_with_nothing_up(run: Any) -> None:
    code, out = run(summary([]))

    assert code == 0
    assert (out / "summary.json").exists()
    assert FakeCloud.calls == ["start", "destroy: True", "stop"]


@pytest.mark.parametrize(("arguments", "iam"), [([], True), (["--no-iam"], False)])
def test_iam_is_enforced_unless_it_is_switched_off(
    run: Any, arguments: list[str], iam: bool
) -> None:
    run(summary([]), *arguments)

    assert FakeCloud.iam is iam


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("no such stack"), program.EXIT_FAILED),
        (KeyboardInterrupt(), 130),
        (signals.Ended(signal.SIGHUP), 129),
        (signals.Ended(signal.SIGTERM), 143),
    ],
)
@pytest.mark.parametrize("keep", [[], ["--keep"]])
def test_a_failure_takes_the_cloud_down_and_leaves_no_summary(
    error: BaseException, code: int, keep: list[str], run: Any, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text("of an earlier run")
    got, out = run(error, *keep)

    assert got == code
    assert not (out / "summary.json").exists()
    assert FakeCloud.calls[-1] == "stop"


def test_the_error_is_shown(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(RuntimeError("stack [red]X[/red] failed"))

    assert "stack [red]X[/red] failed" in capsys.readouterr().err


def test_keep_destroys_nothing_and_says_how_to_go_on(
    run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run(summary(None), "--keep", "--port", "5000")

    assert code == 0
    assert FakeCloud.calls == ["start", "destroy: False", "detach"]
    assert "scones local down --port 5000" in capsys.readouterr().out


def test_what_is_left_is_a_failure_and_is_named(
    run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(summary(["bucket: forgotten"]))

    assert code == program.EXIT_LEFTOVERS
    assert (out / "summary.json").exists()
    assert "bucket: forgotten" in capsys.readouterr().out


def test_a_second_one_in_the_same_folder_is_refused_and_touches_nothing(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text("of the first")
    with (out / program.LOCK).open("w") as first:
        print("process 12, since 11:22:33", file=first, flush=True)
        assert lock(first)

        code, _ = run(RuntimeError("it ran"))

    assert code == program.EXIT_RUNNING
    assert f"{out} (process 12, since 11:22:33)" in capsys.readouterr().err
    assert (out / "summary.json").read_text() == "of the first"
    # What a killed one wrote is no lock.
    assert run(summary([]))[0] == 0


@pytest.mark.parametrize("file", ["out", "out/lock/file"], ids=["no folder", "no lock"])
def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(
    file: str, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()

    code, out = run(RuntimeError("it ran"))

    assert code == program.EXIT_FAILED
    said = capsys.readouterr().err
    assert f"{out} cannot be written (" in said
    assert "--out FOLDER" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_last_step_ends_it_in_no_traceback(
    number: signal.Signals, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: os.kill(os.getpid(), number))
    assert run(summary([]))[0] == 128 + number


def test_a_cloud_that_runs_already_is_left_alone(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        FakeCloud, "start", Mock(side_effect=LocalCloudError("a local cloud already runs"))
    )
    code, _ = run(summary([]))

    assert code == program.EXIT_FAILED
    assert FakeCloud.calls == []
    assert "a local cloud already runs" in capsys.readouterr().err
