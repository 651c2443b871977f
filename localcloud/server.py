"""The emulator's process: ministack with our extensions and repairs.

`localcloud.launcher` starts it, with its environment, process group and guard.
"""

from localcloud import emulator, sagemaker


def main() -> None:
    """Serve until a signal ends the process."""
    emulator.repair()
    sagemaker.install()
    emulator.enforce()
    emulator.shut()
    emulator.serve()


if __name__ == "__main__":
    main()
