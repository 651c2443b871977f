"""The page docs/settings.md, made from the schema."""

import json
from collections.abc import Iterator
from typing import Any

from settings.hyperparameters import PRESETS, Hyperparameters
from settings.schema import Settings

HEAD = "| setting | default | allowed | meaning |\n| --- | --- | --- | --- |"

PAGE = """\
<!-- Printed by `scones settings > docs/settings.md`; a test holds it against the schema. -->
# Settings

Each environment has one TOML file in `settings/`: `dev.toml`, `prod.toml`, and `acceptance.toml` \
for `make acceptance`. A new file is a new environment. Keys that are absent have the default. A \
wrong key or value stops the synth, with the file, the key, the value and what is allowed. After a \
change, `make diff` shows its effect on the stacks, and `make deploy` applies it.

The part of a name before its last dot is the section: `workflow.confidence_threshold` is the key \
`confidence_threshold` under `[workflow]`.

{table}

Combinations that are impossible or have no effect stop the synth as well, before they cost \
anything: a depth that does not belong to the picture size, `momentum` with `adam`, a `resize` \
that is too small or too large, early stopping that can never stop. `multi_label` and \
`use_weighted_loss`, which has an effect only with it, cannot be set, because a picture has one \
class here; `training.class_weights` balances classes.

## Presets

`training.preset` sets the hyperparameters to start from; a key under \
`[training.hyperparameters]` overrides the preset's. Both have 18 layers. [model.md](model.md) has \
the measurements behind them.

{presets_table}
"""


def page() -> str:
    """Return docs/settings.md."""
    return PAGE.format(table=table(), presets_table=presets_table())


def table() -> str:
    """Return a Markdown table with one row per setting, in the order of the schema."""
    rows = (
        f"| `{key}` | {_default(field['default'])} | {_allowed(field)} "
        f"| {' '.join(field['description'].split())} |"
        for key, field in fields()
    )
    return "\n".join((HEAD, *rows))


def presets_table() -> str:
    """Return a Markdown table of the hyperparameters in which the presets differ."""
    head = f"| hyperparameter | {' | '.join(f'`{json.dumps(name)}`' for name in PRESETS)} |"
    presets = [Hyperparameters(**values) for values in PRESETS.values()]
    differing = {name for values in PRESETS.values() for name in values}
    rows = (
        f"| `{name}` | {' | '.join(_default(getattr(preset, name)) for preset in presets)} |"
        for name in Hyperparameters.model_fields
        if name in differing
    )
    return "\n".join((head, "| --- " * (len(PRESETS) + 1) + "|", *rows))


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the dotted key and JSON schema of each setting, in the order of the schema."""
    schema = Settings.model_json_schema()
    return _fields(schema, schema["$defs"])


def _fields(
    section: dict[str, Any], sections: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in section["properties"].items():
        if "$ref" in field:
            inner = sections[field["$ref"].rpartition("/")[2]]
            yield from ((f"{name}.{key}", value) for key, value in _fields(inner, sections))
        elif name != "environment":
            yield name, field


def _default(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def _allowed(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return _allowed(field["anyOf"][0])
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    lowest = field.get("minimum", field.get("exclusiveMinimum"))
    highest = field.get("maximum")
    if lowest is not None:
        above = "above " if "exclusiveMinimum" in field else ""
        return f"{above}{lowest} " + ("or more" if highest is None else f"to {highest}")
    if field["type"] == "array":
        least = field.get("minItems", 0)
        return f"a list of {least} or more" if least else "a list"
    return str(field["type"])
