"""Errors as users see them: one message in red on standard error, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from operations.aws import AwsError
from scones import terminal
from settings import SettingsError
from settings.s3_uris import S3UriError

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

EXPECTED = (SettingsError, AwsError, S3UriError, BotoCoreError, ClientError, OSError)
"""Errors of every verb whose message tells the user what to do."""


@contextmanager
def shown(*more: type[Exception]) -> Iterator[None]:
    """Show an error of `EXPECTED` or `more` without traceback and end with `EXIT_FAILED`.

    An interrupt ends with `EXIT_INTERRUPTED`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        fail(
            f"the package {error.name} is missing: it comes with another make verb; "
            "run make report or make demo, or: "
            "pip install -r requirements/local.txt"
        )
    except EXPECTED + more as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Show the message and end with the code."""
    terminal.console(errors=True).print(message, style="red", soft_wrap=True)
    raise typer.Exit(code)
