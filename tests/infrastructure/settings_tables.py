"""Tables of settings as TOML gives them, generated from the schema, new settings included.

A value is text, a number, a date ... in a table of tables; keys are always text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from settings import Settings, SettingsError
from settings.documentation import fields
from settings.loader import validate

Table = dict[str, Any]

FIELDS = dict(fields())
SECTIONS = sorted({key.rpartition(".")[0] for key in FIELDS})
ENVIRONMENTS = st.from_regex(
    Settings.model_json_schema()["properties"]["environment"]["pattern"], fullmatch=True
)


def accepted_tables() -> st.SearchStrategy[Table]:
    """Tables with many settings that go together."""
    values = {key: _allowed(field) for key, field in FIELDS.items()}
    return st.fixed_dictionaries({}, optional=values).map(_what_goes_together)


def any_tables() -> st.SearchStrategy[Table]:
    """Tables with some settings, not all of them allowed, or not together, or not known."""
    keys = st.sampled_from([*FIELDS, *SECTIONS])
    unknown = st.builds(lambda key, name: f"{key}_{name}", keys, st.text("abc_", max_size=3))
    allowed, outside = (
        st.one_of([st.tuples(st.just(key), values(field)) for key, field in FIELDS.items()])
        for values in (_allowed, _outside)
    )
    strange = st.tuples(keys | unknown, ANYTHING)
    return st.lists(allowed | outside | strange, max_size=8, unique_by=_first).map(
        lambda pairs: nested(dict(pairs))
    )


def nested(values: Mapping[str, Any]) -> Table:
    """The table of tables with these values by dotted key; a value beats a table of its name."""
    table: Table = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        inner = table
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                break
        else:
            inner[name] = value
    return table


def flat(table: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted key, tables and elements of lists among them."""
    for name, value in table.items():
        key = f"{within}{name}"
        yield key, value
        if isinstance(value, dict):
            yield from flat(value, f"{key}.")
        if isinstance(value, list):
            yield from flat({str(i): element for i, element in enumerate(value)}, f"{key}.")


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


# --- values --------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # TOML has no surrogates
SCALARS = st.one_of(
    TEXT, st.booleans(), st.integers(), st.floats(), st.dates(), st.datetimes(), st.times()
)
ANYTHING = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(TEXT, SCALARS, max_size=2)
)


def _allowed(field: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "anyOf" in field:
        return _allowed(field["anyOf"][0])  # the other is null, which TOML does not have
    if "examples" in field:
        return st.sampled_from(field["examples"])
    if "enum" in field:
        return st.sampled_from(field["enum"])
    match field["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            lowest, highest = field["minimum"], field.get("maximum")
            return st.integers(lowest, highest) | st.integers(lowest, highest or lowest + 99)
        case "number":
            return st.floats(
                field.get("minimum", field.get("exclusiveMinimum")),
                field["maximum"],
                exclude_min="exclusiveMinimum" in field,
            )
        case "string":
            return st.from_regex(field.get("pattern", r"[a-z/.]{1,20}"), fullmatch=True)
        case "array":
            return st.lists(
                _allowed(field["items"]),
                min_size=field.get("minItems", 0),
                max_size=min(field.get("maxItems", 3), 5),
                unique=True,
            )
    raise TypeError(f"no values for {field}: give it a type that is known here")


def _outside(field: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values just outside the bounds, where there are any, or of another shape."""
    if "anyOf" in field:
        return _outside(field["anyOf"][0])
    bounds: list[Any] = [field["minimum"] - 1] if "minimum" in field else []
    bounds += [field["exclusiveMinimum"]] if "exclusiveMinimum" in field else []
    bounds += [field["maximum"] + 1] if "maximum" in field else []
    if field.get("type") == "array":
        return st.lists(_allowed(field["items"]) | _outside(field["items"]), max_size=4)
    if "pattern" in field:
        return st.from_regex(field["pattern"])  # with something before and after
    return st.sampled_from(bounds) if bounds else ANYTHING


# --- accepted ------------------------------------------------------------------------------------


def _what_goes_together(values: Mapping[str, Any]) -> Table:
    """Takes in one value after the other, unless that is refused beside those before it.

    Filtering whole tables would leave next to none.
    """
    taken: dict[str, Any] = {}
    before = -1
    while len(taken) > before:  # what is refused now may go with what is taken after it
        before = len(taken)
        for key, value in values.items():
            if key not in taken and _accepted({**taken, key: value}):
                taken[key] = value
    return nested(taken)


def _accepted(values: Mapping[str, Any]) -> bool:
    try:
        validate(nested(values), environment="test", source="generated")
    except SettingsError:
        return False
    return True
