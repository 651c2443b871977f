"""An execution's history names the states that each item of a Map enters; ministack's does not.

Without input and output, which on AWS are there, too: those of all items would fill the memory.
"""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

MODULE = "ministack.services.stepfunctions"
RUN_STATES = f"{MODULE}:_run_sub_machine"

Document = dict[str, Any]


class Context(dict[str, Any]):
    """The context of an item; ministack sets its `State` whenever the item enters one."""

    def __init__(self, content: Document, entered: Callable[[str], object]) -> None:
        super().__init__(content)
        self._entered = entered
        self._known: set[tuple[str, str]] = set()

    def __setitem__(self, key: str, value: Any) -> None:
        """Record the state before it is executed, and not again when it is tried again."""
        if key == "State" and (entry := (value["Name"], value["EnteredTime"])) not in self._known:
            self._known.add(entry)
            self._entered(value["Name"])
        super().__setitem__(key, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Document:
        """Return what a Map within the Map gives each of its items."""
        return copy.deepcopy(dict(self), memo)


def repair() -> None:
    """Give each item, and each branch, a context that records."""
    run_states: Callable[..., Any] = private(RUN_STATES)
    add_event: Callable[[Document, str, Document], Any] = private(f"{MODULE}:_add_event")

    @wraps(run_states)
    def run_recorded_states(
        states: Document, start: str, data: Any, execution: Document, context: Document
    ) -> Any:
        def entered(name: str) -> None:
            details = {"stateEnteredEventDetails": {"name": name}}
            add_event(execution, f"{states[name]['Type']}StateEntered", details)

        return run_states(states, start, data, execution, Context(context, entered))

    replace(RUN_STATES, run_recorded_states)
