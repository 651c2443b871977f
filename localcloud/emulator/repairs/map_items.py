"""The items of a Map share the input of their execution; ministack copies it for each of them.

That takes time with the square of the items. Nothing changes the input of an execution; what an
item does change (its state, its variables), ministack goes on to copy.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Self

from localcloud.emulator.names import private, replace

RUN_ITEMS = "ministack.services.stepfunctions:_run_map_items"

RunItems = Callable[[Any, Any, Any, dict[str, Any]], tuple[Any, Any]]


class Shared(dict[str, Any]):
    """An object that nobody changes, so that its copy is itself."""

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """What ministack asks for, for each item."""
        return self


def repair() -> None:
    """Share what a state's context says of the execution."""
    run_items: RunItems = private(RUN_ITEMS)

    @wraps(run_items)
    def run_items_of_shared_execution(
        state: Any, data: Any, execution: Any, context: dict[str, Any]
    ) -> tuple[Any, Any]:
        context["Execution"] = Shared(context["Execution"])
        return run_items(state, data, execution, context)

    replace(RUN_ITEMS, run_items_of_shared_execution)
