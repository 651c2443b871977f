import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.emulator.functions.python_worker import END_OF_LOG, HANDLER_ERROR, as_on_aws

CONTEXT = SimpleNamespace(aws_request_id="request-1")


class NotSureEnough(Exception):
    pass


def test_a_result_passes_unchanged() -> None:
    result = {"body": [1, 2.5, None, "text"]}
    assert as_on_aws(lambda event, context: result)({}, CONTEXT) == result


def test_bytes_become_text_at_any_depth() -> None:
    assert as_on_aws(lambda event, context: {"a": [b"x", {"b": b"y"}]})({}, CONTEXT) == {
        "a": ["x", {"b": "y"}]
    }


def test_an_exception_becomes_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(event: Any, context: Any) -> None:
        raise NotSureEnough("0.4")

    report = as_on_aws(handler)({}, CONTEXT)[HANDLER_ERROR]

    assert report["errorType"] == "NotSureEnough"
    assert report["errorMessage"] == "0.4"
    assert report["requestId"] == "request-1"
    (frame,) = report["stackTrace"]
    assert "in handler" in frame
    log = capsys.readouterr().err
    assert "[ERROR] NotSureEnough: 0.4\nTraceback (most recent call last):" in log


@pytest.mark.parametrize("result", [object(), b"\xff"])
def test_a_result_without_a_json_form_is_a_marshal_error(result: Any) -> None:
    report = as_on_aws(lambda event, context: result)({}, CONTEXT)[HANDLER_ERROR]

    assert report["errorType"] == "Runtime.MarshalError"
    assert report["errorMessage"].startswith("Unable to marshal response: ")


def test_the_log_of_a_call_ends_with_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    as_on_aws(lambda event, context: print("unfinished", end="", file=sys.stderr))({}, CONTEXT)

    assert capsys.readouterr().err == f"unfinished\n{END_OF_LOG}\n"


# The redirection changes its whole process, so each test runs it in another one.
PROGRAM = """
import os, pathlib, shutil, sys
from localcloud.emulator.functions.python_worker import redirect_tmp
redirect_tmp()(pathlib.Path(sys.argv[1]))
"""


def _run(folder: Path, lines: str) -> str:
    command = [sys.executable, "-c", PROGRAM + lines, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_of_tmp_are_in_the_folder(tmp_path: Path) -> None:
    folder, name = tmp_path / "own", uuid.uuid4().hex

    listing = _run(
        folder,
        f"""
with open("/tmp/{name}", "w") as file:
    file.write("picture")
os.rename("/tmp/{name}", "/tmp/{name}-2")
pathlib.Path("/tmp/{name}-folder/inner").mkdir(parents=True)
shutil.copy("/tmp/{name}-2", "/tmp/{name}-folder/inner/copy")
assert os.path.exists("/tmp/{name}-2")
assert not os.path.exists("/tmp/{name}")
print(sorted(os.listdir("/tmp")))
""",
    )

    assert listing == f"{[f'{name}-2', f'{name}-folder']}\n"
    assert (folder / f"{name}-2").read_text() == "picture"
    assert (folder / f"{name}-folder/inner/copy").read_text() == "picture"
    assert not Path(f"/tmp/{name}-2").exists()


def test_other_paths_and_earlier_folders_of_tmp_are_as_before(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("unchanged")

    assert _run(tmp_path / "own", f"print(open({str(there)!r}).read())") == "unchanged\n"
