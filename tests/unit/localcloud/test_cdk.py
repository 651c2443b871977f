import sys
import time
from pathlib import Path

import pytest

from localcloud.cdk import Cdk, CdkError


@pytest.fixture
def cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cdk:
    """A CLI that echoes its arguments, and fails if one of them is `deploy`."""
    script = tmp_path / "cdk"
    script.write_text('#!/bin/sh\necho "got $*"\necho >&2 "and more"\n[ "$1" != deploy ]\n')
    script.chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return Cdk(assembly=tmp_path / "cdk.out", logs=tmp_path)


def test_output_goes_to_the_log_and_line_by_line_to_the_screen(cdk: Cdk) -> None:
    lines: list[str] = []
    cdk.run("destroy", "--all", log="destroy", say=lines.append)

    assert (cdk.logs / "destroy.log").read_text().splitlines() == lines
    assert lines[0].startswith(f"got destroy --all --app {cdk.assembly}")
    assert lines[1] == "and more"


def test_synth_writes_the_assembly_with_the_context(cdk: Cdk) -> None:
    lines: list[str] = []
    cdk.synth("environment=dev", log="synth", say=lines.append)

    assert f"synth --quiet --output {cdk.assembly} --context environment=dev" in lines[0]


def test_a_failure_shows_the_end_of_the_output(cdk: Cdk) -> None:
    with pytest.raises(CdkError, match=r"(?s)exit code 1.*deploy\.log.*and more"):
        cdk.run("deploy", "--all", log="deploy", say=print)


def test_a_failure_that_long_logs_follow_is_shown_from_its_mark(cdk: Cdk, tmp_path: Path) -> None:
    (tmp_path / "cdk").write_text(
        "#!/bin/sh\necho before\necho '❌ the stack failed'\necho the reason\nseq 1000\nexit 1\n"
    )

    with pytest.raises(CdkError) as failed:
        cdk.run("deploy", log="deploy", say=lambda _: None)

    assert "❌ the stack failed\nthe reason\n1\n" in str(failed.value)
    assert "before" not in str(failed.value)
    assert "1000" not in str(failed.value)


def test_a_missing_cli_is_named_with_the_remedy(
    cdk: Cdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CdkError, match="make setup"):
        cdk.run("deploy", log="deploy", say=print)


def test_an_interruption_ends_the_cli_with_its_children(cdk: Cdk, tmp_path: Path) -> None:
    (tmp_path / "cdk").write_text("#!/bin/sh\nsleep 60 &\necho $!\nwait\n")
    children: list[int] = []

    def interrupt(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cdk.run("deploy", log="deploy", say=interrupt)

    deadline = time.monotonic() + 5
    while _runs(children[0]):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and " Z " not in status.read_text()
