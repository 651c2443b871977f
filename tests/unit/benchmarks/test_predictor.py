from pathlib import Path

import pytest

from benchmarks import predictor


def test_the_sdk_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> None:
        commands.append(command)
        (tmp_path / "sagemaker").mkdir()
        (tmp_path / "sagemaker" / "predictor.py").touch()

    monkeypatch.setattr("subprocess.run", run)

    assert predictor.installed(tmp_path) == predictor.installed(tmp_path) == tmp_path.resolve()
    (command,) = commands
    assert predictor.SDK in command
    assert command[command.index("--target") + 1] == str(tmp_path)


def test_the_size_of_the_sdk_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)

    assert "1,000 bytes; Lambda takes 262,144,000" in predictor.remark(tmp_path)


def test_without_the_sdk_the_way_to_measure_it_is_told() -> None:
    assert "--predictor FOLDER" in predictor.remark(None)
