"""Read an environment's TOML file; refusals name file, key, value and what is allowed."""

import os
import tomllib
from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settings.schema import Settings

FOLDER_VARIABLE = "SCONES_SETTINGS"
"""Environment variable that names another folder of TOML files than this one."""

MAX_BYTES = 32 * 1024  # far above any settings file
MAX_KEY = 64

# What is shown of a value, of a reason, and of the refusals of a file.
MAX_VALUE_SHOWN = 120
MAX_REASON_SHOWN = 600
MAX_REFUSALS_SHOWN = 20

# By the type of pydantic's error, for messages that would speak of Python.
IN_WORDS_OF_TOML = {
    "model_type": "allowed: a section, [{key}]",
    "tuple_type": 'allowed: a list, such as ["one", "another"]',
}

# Former settings, and what holds instead.
REMOVED = {
    "training.volume_size_gb": "volumes have 10 GB",
    "endpoint.autoscaling.scale_in_cooldown_seconds": "300 s",
    "endpoint.autoscaling.scale_out_cooldown_seconds": "60 s",
    "endpoint.update_policy.max_execution_seconds": "at least an hour, longer if the waits are",
}


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed."""


def settings_folder() -> Path:
    """Return the folder of the TOML files: `$SCONES_SETTINGS`, or this one."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).parent)


def available_environments(folder: Path | None = None) -> list[str]:
    """Return the sorted names of the environments that have a TOML file."""
    folder = folder or settings_folder()
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(environment: str, folder: Path | None = None) -> Settings:
    """Return the settings in `<folder>/<environment>.toml`, or raise SettingsError.

    The folder is that of `settings_folder` by default.
    """
    folder = folder or settings_folder()
    path = folder / f"{environment}.toml"
    if environment not in available_environments(folder):
        known = ", ".join(available_environments(folder))
        raise SettingsError(
            f"environment {shown(environment)} has no settings file {path}; "
            f"allowed: {known} (-c environment=NAME, or --environment NAME)"
        )
    text = _read(path)
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise SettingsError(
            f"{path}: nested too deeply; allowed: the sections and lists of docs/settings.md"
        ) from error
    except ValueError as error:  # not TOML, or an integer of more digits than Python converts
        reason = shortened(str(error), MAX_REASON_SHOWN)
        raise SettingsError(f"{path}: not valid TOML: {reason}") from error
    return validate(values, environment=environment, source=str(path))


def _read(path: Path) -> str:
    """Return the text of a UTF-8 file, without its byte order mark and with newlines as \\n."""
    if not path.is_file():  # reading a pipe would wait
        raise SettingsError(f"{path}: is not a file; make it one that you may read")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read: {error.strerror}; make it a file that you may read"
        ) from error
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_BYTES} bytes; keep only settings in it")
    content = content.removeprefix(BOM_UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = _lines(content[: error.start].decode("utf-8"))
        raise SettingsError(
            f"{path}: {_position(before, len(before))}: byte 0x{content[error.start]:02x} is not "
            "UTF-8; save it as UTF-8"
        ) from error
    text = _lines(text)
    # UTF-16 and UTF-32 without a byte order mark are valid UTF-8, with a NUL beside each letter.
    if (nul := text.find("\0")) >= 0:
        raise SettingsError(
            f"{path}: {_position(text, nul)}: byte 0x00 is not text; save it as UTF-8"
        )
    return text


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _position(text: str, offset: int) -> str:
    """Return line and column as tomllib's own errors count them."""
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"line {line}, column {column}"


def validate(values: dict[str, Any], *, environment: str, source: str) -> Settings:
    """Return the settings of a mapping, as parsed from TOML; a SettingsError names `source`."""
    if "environment" in values:
        raise SettingsError(f"{source}: environment: unknown key; it is the name of the file")
    try:
        return Settings.model_validate({"environment": environment, **values})
    except ValidationError as error:
        details = error.errors()
        refusals = [_refusal(detail) for detail in details[:MAX_REFUSALS_SHOWN]]
        if more := len(details) - len(refusals):
            refusals.append(f"and {more:,} more; remove or change these first")
        lines = "".join(f"\n  {refusal}" for refusal in refusals)
        raise SettingsError(f"{source}: settings not accepted:{lines}") from None


def shown(value: object) -> str:
    """Return a value as a refusal shows it."""
    try:
        return shortened(repr(value), MAX_VALUE_SHOWN)
    except (RecursionError, ValueError):  # deeper, or an integer of more digits, than Python prints
        return "(too large to show)"


def shortened(text: str, most: int) -> str:
    """Return a text of at most about `most` characters, without its middle if it is longer."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def _key(part: str | int) -> str:
    # A quoted key may hold anything, such as the control characters of a terminal.
    return str(part) if str(part).isprintable() and len(str(part)) <= MAX_KEY else shown(part)


def _refusal(detail: ErrorDetails) -> str:
    location = detail["loc"]
    key = ".".join(map(_key, location))
    value = shown(detail["input"])
    if key in REMOVED:
        return f"{key} = {value}: no longer a setting ({REMOVED[key]}); remove it"
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(_keys_beside(location))
        return f"{key} = {value}: unknown key; allowed here: {allowed}"
    if words := IN_WORDS_OF_TOML.get(detail["type"]):
        return f"{key} = {value}: {words.format(key=key)}"
    # A reason may list many values, or several hyperparameters; its remedy is at the end.
    reason = shortened(detail["msg"].removeprefix("Value error, "), 3 * MAX_REASON_SHOWN)
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        return reason  # it names the keys itself
    return f"{key} = {value}: {reason}"


def _keys_beside(location: Iterable[str | int]) -> list[str]:
    *parents, _ = location
    section: type[BaseModel] = Settings
    for parent in parents:
        annotation = section.model_fields[str(parent)].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        section = annotation
    # The environment is the file's name, not a key in it.
    return [key for key in section.model_fields if key != "environment"]
