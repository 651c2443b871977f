"""The emulator's own process: ministack with our extensions and repairs.

Started by `localcloud.launcher`, never by hand: the launcher chooses environment and process group,
and the guard that ends every process of the group after this one.
"""

import contextlib
import os

from localcloud import emulator, sagemaker


def main() -> None:
    """Serve until SIGTERM, then end at once."""
    emulator.repair()
    sagemaker.install()
    emulator.enforce()
    emulator.shut()
    with contextlib.suppress(SystemExit):
        emulator.serve()
    os._exit(0)  # not through the interpreter, which waits for the threads of running jobs


if __name__ == "__main__":
    main()
