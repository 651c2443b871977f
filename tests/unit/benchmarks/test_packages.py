from importlib.metadata import distribution
from pathlib import Path

from benchmarks import packages


def test_an_import_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.05)\n")

    times = packages.import_ms("import slow", tmp_path, {}, repeats=2)

    assert len(times) == 2
    assert min(times) >= 50


def test_a_distribution_weighs_what_it_needs_too() -> None:
    files = [Path(str(file.locate())) for file in distribution("rich").files or ()]
    alone = sum(file.stat().st_size for file in files if file.is_file())

    assert packages.installed_bytes("rich") > alone  # pygments, markdown-it-py
    assert packages.installed_bytes("boto3") == 0  # the runtime has it
