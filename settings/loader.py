"""Reads one environment's TOML file; a refusal names file, key, value and what is allowed."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settings.schema import Settings

FOLDER = Path(__file__).parent

# Where pydantic speaks of Python, by the type of its error.
IN_WORDS_OF_TOML = {
    "model_type": "allowed: a section, [{key}]",
    "tuple_type": 'allowed: a list, as ["one", "another"]',
}


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed."""


def available_environments(folder: Path = FOLDER) -> list[str]:
    """Names of the environments that have a TOML file, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(environment: str, folder: Path = FOLDER) -> Settings:
    """Settings of `environment`, read from `<folder>/<environment>.toml`.

    Raises:
        SettingsError: there is no such file, it is not TOML, or a key or a value is not allowed.
    """
    path = folder / f"{environment}.toml"
    if environment not in available_environments(folder):
        known = ", ".join(available_environments(folder))
        raise SettingsError(
            f"environment {environment!r} has no settings file {path}; "
            f"allowed: {known} (choose with -c environment=...)"
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    return validate(values, environment=environment, source=str(path))


def validate(values: dict[str, Any], *, environment: str, source: str) -> Settings:
    """Settings of a mapping as TOML gives it; `source` is named in every refusal.

    Raises:
        SettingsError: as `load`.
    """
    if "environment" in values:
        raise SettingsError(f"{source}: environment: unknown key; it is the name of the file")
    try:
        return Settings.model_validate({"environment": environment, **values})
    except ValidationError as error:
        refusals = "\n".join(f"  {_refusal(detail)}" for detail in error.errors())
        raise SettingsError(f"{source}: settings not accepted:\n{refusals}") from None


def _refusal(detail: ErrorDetails) -> str:
    location = detail["loc"]
    key = ".".join(str(part) for part in location)
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(_keys_beside(location))
        return f"{key} = {detail['input']!r}: unknown key; allowed here: {allowed}"
    if words := IN_WORDS_OF_TOML.get(detail["type"]):
        return f"{key} = {detail['input']!r}: {words.format(key=key)}"
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        return reason  # of several keys of a section; it names them
    return f"{key} = {detail['input']!r}: {reason}"


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
