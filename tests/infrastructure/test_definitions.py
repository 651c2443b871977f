"""State machines as AWS's own validator judges them, npm's amazon-states-language-service.

It knows fields and transitions, not expressions: those are for test_expressions.py.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.infrastructure.node import node_command
from tests.infrastructure.state_machines.definitions import state_machines

VALIDATOR = Path(__file__).parent / "state_machines" / "validate_definitions.cjs"
JSONPATH_FIELDS = {
    "InputPath",
    "ItemsPath",
    "MaxConcurrencyPath",
    "OutputPath",
    "Parameters",
    "Result",
    "ResultPath",
    "ResultSelector",
    "TimeoutSecondsPath",
}


def diagnostics(definitions: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what the validator says of those that it has anything to say of."""
    found = subprocess.run(
        node_command(VALIDATOR, package="amazon-states-language-service"),
        input=json.dumps(definitions),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: said for name, said in json.loads(found.stdout).items() if said}


def test_the_validator_has_nothing_to_say() -> None:
    definitions = {str(machine): machine.definition for machine in state_machines()}

    assert len(definitions) == len(state_machines()) > 0
    assert diagnostics(definitions) == {}


def test_no_state_mixes_the_query_languages() -> None:
    # The validator lets it pass, CreateStateMachine does not.
    mixed = {
        f"{machine} {name}": sorted(JSONPATH_FIELDS & set(state))
        for machine in state_machines()
        if machine.definition.get("QueryLanguage") == "JSONata"
        for name, state in all_states(machine.definition)
    }

    assert mixed
    assert {name: fields for name, fields in mixed.items() if fields} == {}


def all_states(machine: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all states by name, including those within a Map."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])
