"""Run a module as `python -m` does, in a process that ends with the one that started it.

    python -P child.py MODULE [ARGUMENT ...]

The parent holds the other end of standard input. When it is gone, however it went, the read below
returns and the process exits, so no model server or training run is left behind. Started by its
path: with -m the whole package, boto3 included, would be imported for every model server.
"""

import os
import runpy
import sys
import threading

EXIT_CODE = 143  # as after SIGTERM


def _exit_with_parent() -> None:
    # Not sys.stdin.read(): its lock would still be held when the interpreter shuts down.
    os.read(sys.stdin.fileno(), 1)
    os._exit(EXIT_CODE)


if __name__ == "__main__":
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
