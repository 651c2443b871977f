import copy
from typing import Any

import pytest

from localcloud.emulator.names import private
from localcloud.emulator.repairs import map_items

ITEMS = [{"number": number} for number in range(3)]
STATE = {
    "Type": "Map",
    "Items": "{% $states.input %}",
    "ItemProcessor": {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Pass",
                "Assign": {"mine": "{% $states.input.number %}"},
                "Output": "{% [$states.context.Execution.Input[0].number, $states.input.number] %}",
                "End": True,
            }
        },
    },
    "End": True,
}


class Counted(dict[str, Any]):
    """An input that counts its copies."""

    copies = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        Counted.copies += 1
        return copy.deepcopy(dict(self), memo)


def run() -> tuple[Any, dict[str, Any]]:
    context = {
        "QueryLanguage": "JSONata",
        "Execution": {"Id": "arn", "Input": [Counted(item) for item in ITEMS]},
        "variables": {"mine": "the Map's"},
    }
    output, _ = private(map_items.RUN_ITEMS)(STATE, ITEMS, {}, context)
    return output, context


def test_the_input_of_the_execution_is_not_copied_for_each_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, _, name = map_items.RUN_ITEMS.partition(":")
    monkeypatch.setattr(f"{module}.{name}", private(map_items.RUN_ITEMS))
    monkeypatch.setattr(Counted, "copies", 0)
    before = run()[0]
    assert Counted.copies == len(ITEMS) ** 2

    map_items.repair()
    Counted.copies = 0
    output, context = run()

    assert Counted.copies == 0
    assert output == before == [[0, 0], [0, 1], [0, 2]]
    assert context["variables"] == {"mine": "the Map's"}, "what items assign is theirs"
