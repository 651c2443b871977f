"""Reads one environment's TOML file; a refusal names file, key, value and what is allowed."""

import re
import tomllib
from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from settings.schema import Settings

FOLDER = Path(__file__).parent

# Far above any settings file. Within these bounds, parsing neither exhausts Python's recursion nor
# meets an integer that Python refuses to convert or to print, and ends in a fraction of a second.
MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_WORD = 64

# Of a refusal: how much of a value and of a reason is shown, and how many refusals of a file.
MAX_VALUE_SHOWN = 120
MAX_REASON_SHOWN = 600
MAX_REFUSALS_SHOWN = 20

# Strings and comments are matched whole, so that what they contain counts as neither brackets, keys
# nor numbers. One without an end reaches as far as it can: the parser refuses it at its start.
TOKEN = re.compile(
    r'''
    (?P<string>
        """(?:\\[\s\S]|[^\\])*?(?:""""{0,2}|\Z)
        | \'{3}[\s\S]*?(?:\'{3,5}|\Z)
        | "(?:\\.|[^"\\\n])*"?
        | '[^'\n]*'?
    )
    | (?P<comment>\#[^\n]*)
    | (?P<word>[A-Za-z0-9_+-]+)
    | (?P<dot>\.)
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<space>[ \t]+)
    | (?P<other>[\s\S])
    ''',
    re.VERBOSE,
)

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
        SettingsError: there is no such file, it cannot be read, it is not TOML in UTF-8, or a key
            or a value is not allowed.
    """
    path = folder / f"{environment}.toml"
    if environment not in available_environments(folder):
        known = ", ".join(available_environments(folder))
        raise SettingsError(
            f"environment {shown(environment)} has no settings file {path}; "
            f"allowed: {known} (choose with -c environment=...)"
        )
    text = _read(path)
    _refuse_excess(text, path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = shortened(str(error), MAX_REASON_SHOWN)
        raise SettingsError(f"{path}: not valid TOML: {reason}") from error
    return validate(values, environment=environment, source=str(path))


def _read(path: Path) -> str:
    """Return the text of a UTF-8 file, without its byte order mark and with newlines as \\n."""
    # A pipe would be waited for.
    if not path.is_file():
        raise SettingsError(f"{path}: is no file; make it one that you may read")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read: {error.strerror}; make it a file that you may read"
        ) from error
    if len(content) > MAX_BYTES:
        raise SettingsError(
            f"{path}: larger than {MAX_BYTES} bytes; allowed: up to that, remove what is no setting"
        )
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


def _refuse_excess(text: str, path: Path) -> None:
    """Refuse nesting and numbers that no setting has, before the parser fails on them."""
    brackets = dots = 0
    for token in TOKEN.finditer(text):
        if token.lastgroup == "open":
            brackets += 1
        elif token.lastgroup == "close":
            brackets -= 1
        # A key such as a.b.c nests as deeply as it has dots, with or without spaces beside them.
        if token.lastgroup == "dot":
            dots += 1
        elif token.lastgroup not in ("word", "string", "space"):
            dots = 0
        if max(brackets, dots) > MAX_DEPTH:
            raise SettingsError(
                f"{path}: {_position(text, token.start())}: nested more than {MAX_DEPTH} deep; "
                "allowed: the sections and lists of the settings table in docs/settings.md"
            )
        if token.lastgroup == "word" and len(word := token.group()) > MAX_WORD:
            raise SettingsError(
                f"{path}: {_position(text, token.start())}: {word[:16]}... has {len(word)} "
                f"characters; allowed: keys and numbers of up to {MAX_WORD}"
            )


def _position(text: str, offset: int) -> str:
    """Return line and column as tomllib's own errors count them."""
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return f"line {line}, column {column}"


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
        details = error.errors()
        refusals = [_refusal(detail) for detail in details[:MAX_REFUSALS_SHOWN]]
        if more := len(details) - len(refusals):
            refusals.append(f"and {more:,} more; remove or change these first")
        lines = "".join(f"\n  {refusal}" for refusal in refusals)
        raise SettingsError(f"{source}: settings not accepted:{lines}") from None


def shown(value: object) -> str:
    """Return a value as a refusal shows it."""
    return shortened(repr(value), MAX_VALUE_SHOWN)


def shortened(text: str, most: int) -> str:
    """Return a text, without its middle if it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def _key(part: str | int) -> str:
    # A quoted key may hold anything, such as what moves a terminal's cursor.
    return str(part) if str(part).isprintable() and len(str(part)) <= MAX_WORD else shown(part)


def _refusal(detail: ErrorDetails) -> str:
    location = detail["loc"]
    key = ".".join(map(_key, location))
    value = shown(detail["input"])
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(_keys_beside(location))
        return f"{key} = {value}: unknown key; allowed here: {allowed}"
    if words := IN_WORDS_OF_TOML.get(detail["type"]):
        return f"{key} = {value}: {words.format(key=key)}"
    # The values of several keys, with the remedy at the end.
    reason = shortened(detail["msg"].removeprefix("Value error, "), MAX_REASON_SHOWN)
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        return reason  # of several keys of a section; it names them
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
