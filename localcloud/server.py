"""The emulator's own process: ministack with our extensions and repairs.

Started by `localcloud.launcher`, never by hand: the launcher chooses environment and process group,
and the guard that ends every process of the group after this one.
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
