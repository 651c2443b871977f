"""Every Python Lambda worker has a /tmp of its own (python_tmp.py, which runs in the worker)."""

from localcloud.emulator.repairs import worker_script


def repair() -> None:
    """Redirect /tmp at the start of the worker, before its handler's modules are imported."""
    start = "\ndef run():"
    # The script lies in a folder of this one worker, which is removed with it.
    give = 'give_own_tmp(str(Path(__file__).resolve().with_name("tmp")))'
    worker_script.extend(
        worker_script.PYTHON, prologue="python_tmp.py", edits={start: f"\n{give}\n{start}"}
    )
