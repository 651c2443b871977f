"""The emulator's own process: ministack with our extensions and repairs.

Started by `localcloud.launcher`, never by hand: the launcher chooses environment and process group.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from localcloud import emulator, sagemaker
from localcloud.environment import STOP_AT_END_OF_INPUT


def main() -> None:
    """Serve until SIGTERM, then end every process of this group and remove its temporary files."""
    emulator.repair()
    sagemaker.install()
    emulator.enforce()
    if STOP_AT_END_OF_INPUT in sys.argv[1:]:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    try:
        emulator.serve()
    finally:
        _end_process_group()


def _stop_at_end_of_input() -> None:
    # Standard input is a pipe from the caller: it ends when the caller does, even if killed.
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _end_process_group() -> None:
    shutil.rmtree(Path(tempfile.gettempdir()), ignore_errors=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
