"""Every table of settings that is accepted synthesizes as it should; a refusal says why."""

import re

import hypothesis
from aws_cdk.assertions import Template
from hypothesis import given

from settings import Settings, SettingsError
from settings.loader import shown, validate
from tests.infrastructure.invariants import INVARIANTS
from tests.infrastructure.rules import findings
from tests.infrastructure.settings_tables import (
    ENVIRONMENTS,
    FIELDS,
    SECTIONS,
    Table,
    accepted_tables,
    any_tables,
    flat,
)
from tests.infrastructure.synthesis import STACKS, application, find_stack

REMEDY = re.compile(r"allowed|; (set|remove|name|lower) ")


@given(environment=ENVIRONMENTS, table=accepted_tables())
def test_what_is_accepted_synthesizes_and_passes_validation(environment: str, table: Table) -> None:
    settings = validate(table, environment=environment, source="generated")

    app = application(settings)
    assert findings(app) == set()
    stacks = {name: Template.from_stack(find_stack(app, settings, name)) for name in STACKS}
    for holds in INVARIANTS:
        holds(stacks, settings)


@given(table=any_tables())
@hypothesis.settings(max_examples=20 * hypothesis.settings().max_examples)  # much faster
def test_what_is_refused_says_what_and_why(table: Table) -> None:
    try:
        accepted = validate(table, environment="test", source="generated.toml")
    except SettingsError as error:
        source, *refusals = str(error).split("\n  ")
        assert source == "generated.toml: settings not accepted:"
        assert [line for line in refusals if not says_what_and_why(line, table)] == []
    else:
        assert isinstance(accepted, Settings)


def says_what_and_why(refusal: str, table: Table) -> bool:
    """Tell whether it begins with a key, followed by its value or a remedy."""
    values = dict(flat(table))
    keys = [
        key for key in {*FIELDS, *SECTIONS, *values} if refusal.startswith((f"{key} ", f"{key}:"))
    ]
    has_value = any(f"{key} = {shown(values[key])}: " in refusal for key in keys if key in values)
    # A hyperparameter is refused by its name even where its value is a default.
    named = bool(keys) or refusal.startswith("training.hyperparameters.")
    return named and (has_value or bool(REMEDY.search(refusal)))
