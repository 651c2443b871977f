"""Errors as users see them: one message in red on standard error, and an exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared.messages import readable
from operations.aws import AwsError
from scones import terminal
from settings import SettingsError
from settings.s3_uris import S3UriError
from training.errors import StagingError

EXIT_FAILED = 1

EXPECTED = (
    SettingsError,
    AwsError,
    StagingError,
    S3UriError,
    BotoCoreError,
    ClientError,
    OSError,
)
"""Errors of every verb whose message tells the user what to do."""

PROJECT = Path(__file__).parents[1]
OWN = ("analysis", "benchmarks", "localcloud")
"""Folders that only some verbs need."""


@contextmanager
def shown(*more: type[Exception], packages: str = "base") -> Iterator[None]:
    """Show an error of `EXPECTED` or `more` without traceback and end with `EXIT_FAILED`.

    An interrupt ends with 128 and the number of its signal. `packages` names the file in
    requirements/ that has what the verb imports.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OWN:
            fail(f"{PROJECT} has no folder {missing}/, which this command needs")
        fail(
            f"the package {missing} is not installed; run: "
            f"pip install -r requirements/{packages}.txt"
        )
    except BrokenPipeError:
        raise  # the reader of a pipe, such as `head`, has enough: Typer ends without a message
    except EXPECTED + more as error:
        fail(str(error))
    except KeyboardInterrupt as interrupt:
        fail("interrupted", 128 + getattr(interrupt, "number", signal.SIGINT))


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Show the message, of which a terminal obeys no character, and end with the code."""
    printable = "\n".join(map(readable, message.split("\n")))
    terminal.console(errors=True).print(printable, style="red", soft_wrap=True)
    raise typer.Exit(code)
