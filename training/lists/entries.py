"""Read the lines of lists of pictures: a CSV, or an output manifest of SageMaker Ground Truth.

Format of the manifest:
https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambda_src.shared import json_limits
from lambda_src.shared.messages import shown
from training.errors import StagingError
from training.lists.csv_files import CsvError, CsvFile
from training.quotations import shortened

PICTURE_COLUMNS = ("file", "path", "key", "source-ref")
OPTIONAL_COLUMNS = ("split", "group", "event_id", "inference_id")

SOURCE = "source-ref"
METADATA = "-metadata"
# In the metadata of a label: the class's name, or names by number where a picture may have several.
CLASS_NAME, CLASS_MAP = "class-name", "class-map"
FAILURE = "failure-reason"

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list, as it is written, or what is wrong with it."""

    line: int
    picture: str = ""
    label: str = ""
    """Empty: not labelled."""
    split: str = ""
    group: str = ""
    event_id: str = ""
    """Of a captured picture; the inference id where there is none."""
    error: str = ""


def read_entries(content: bytes, name: str) -> Iterator[Entry]:
    """Return the lines of a list that are not blank.

    Raises:
        StagingError: it is neither a CSV with the columns nor a manifest with one label.
    """
    if content.removeprefix(_BOM).lstrip().startswith(b"{"):
        return _manifest_entries(content.removeprefix(_BOM).splitlines(), name)
    try:
        file = CsvFile(content, name=name, read=(*PICTURE_COLUMNS, "label", *OPTIONAL_COLUMNS))
    except CsvError as error:
        raise StagingError(str(error)) from error
    pictures = [column for column in PICTURE_COLUMNS if column in file.columns]
    if len(pictures) != 1 or "label" not in file.columns:
        raise StagingError(
            f"{name}: columns {shortened(', '.join(filter(None, file.columns))) or 'none'}; "
            f"expected label and one of {', '.join(PICTURE_COLUMNS)}"
        )
    return _csv_entries(file, *pictures)


def _csv_entries(file: CsvFile, picture: str) -> Iterator[Entry]:
    for row in file.rows():
        cell = row.cells.get
        yield Entry(
            row.line,
            cell(picture, ""),
            cell("label", ""),
            cell("split", ""),
            cell("group", ""),
            cell("event_id") or cell("inference_id", ""),
            row.error or ("" if cell(picture) else f"{picture} is empty"),
        )


def _manifest_entries(lines: list[bytes], name: str) -> Iterator[Entry]:
    attribute, has_metadata = _label_attribute(lines, name)
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            record = _record(text)
            picture = record.get(SOURCE)
            if not isinstance(picture, str) or not picture:
                raise ValueError(f"{SOURCE} is not a path or URI: {shown(picture)}")
            label = _label(record, attribute, has_metadata=has_metadata)
            split, group = (_text(record, key) for key in ("split", "group"))
            yield Entry(line, picture, label, split, group)
        except ValueError as error:
            yield Entry(line, error=str(error))


def _record(text: bytes) -> dict[str, Any]:
    try:
        record = json_limits.parse(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    if not isinstance(record, dict):
        raise ValueError(f"not a JSON object: {shown(record)}")
    return record


def _label_attribute(lines: list[bytes], name: str) -> tuple[str, bool]:
    """Return the attribute that has the label, and whether metadata beside it name the class.

    Objects that are not labelled lack it, so any line may be the first with it.
    """
    named: dict[str, None] = {}
    plain: dict[str, None] = {}
    for text in filter(bytes.strip, lines):
        try:
            record = _record(text)
        except ValueError:
            continue
        for key, value in record.items():
            if key.endswith(METADATA):
                if isinstance(value, dict) and _names_classes(value):
                    named[key.removesuffix(METADATA)] = None
            elif f"{key}{METADATA}" not in record and _is_name(value):
                plain[key] = None
    for key in (SOURCE, *OPTIONAL_COLUMNS):
        plain.pop(key, None)
    attributes = list(named) or ["label"] * ("label" in plain) or list(plain)
    if not attributes:
        raise StagingError(
            f"{name}: no line has a label; expected JSON objects with {SOURCE} and an attribute "
            f"whose {METADATA} has {CLASS_NAME}"
        )
    if len(attributes) > 1:
        first = attributes[0]
        raise StagingError(
            f"{name}: labels of several kinds: {shortened(', '.join(attributes))}; leave one of "
            f'them: jq -c \'del(."{first}", ."{first}{METADATA}")\' removes {first}'
        )
    return attributes[0], bool(named)


def _names_classes(metadata: Mapping[str, Any]) -> bool:
    """Tell whether the metadata of a label name classes of pictures, not boxes or verdicts."""
    kind = str(metadata.get("type", ""))
    if CLASS_NAME in metadata:
        return not kind.endswith("label-verification")
    return CLASS_MAP in metadata and "image-classification" in kind


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _label(record: Mapping[str, Any], attribute: str, *, has_metadata: bool) -> str:
    """Return the name of the class, empty if there is no label; raise ValueError if unclear."""
    value, metadata = record.get(attribute), record.get(f"{attribute}{METADATA}", {})
    if not isinstance(metadata, dict):
        metadata = {}
    if reason := metadata.get(FAILURE):
        raise ValueError(f"labelling failed: {shown(reason)}")
    if value is None:
        return ""
    names = [value]
    if CLASS_NAME in metadata:
        names = [metadata[CLASS_NAME]]
    elif isinstance(classes := metadata.get(CLASS_MAP), dict):
        names = [classes.get(str(each)) for each in (value if isinstance(value, list) else [value])]
        if len(names) > 1:
            raise ValueError(f"several classes: {shown(names)}; expected one")
    elif has_metadata:
        raise ValueError(f"{attribute}{METADATA} has no {CLASS_NAME}")
    if not names:
        return ""
    (name,) = names
    if not _is_name(name):
        raise ValueError(f"{attribute} is not a class name: {shown(name)}")
    return str(name).strip()


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not _is_name(value):
        raise ValueError(f"{key} is not text: {shown(value)}")
    return str(value).strip()
