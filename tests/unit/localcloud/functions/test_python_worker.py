import subprocess
import sys
import uuid
from pathlib import Path

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
