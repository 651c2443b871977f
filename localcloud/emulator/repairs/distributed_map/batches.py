"""Groups the items of a Distributed Map into the inputs of its children."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.repairs.executions import size_bytes


@dataclass(frozen=True)
class Batch:
    """Input of one child, and how many items are in it."""

    input: Any
    items: int


def batches(
    items: Iterable[Any], *, max_items: float | None, max_bytes: float | None, batch_input: Any
) -> Iterator[Batch]:
    """Inputs `{"Items": [...], "BatchInput": ...}`, each with as many items as the limits allow.

    The limit in bytes holds for the whole input. An item that exceeds it alone is a batch alone.
    """

    def batch(group: list[Any]) -> Batch:
        fixed = {} if batch_input is None else {"BatchInput": batch_input}
        return Batch({**fixed, "Items": group}, len(group))

    empty = size_bytes(batch([]).input)
    group: list[Any] = []
    size = empty
    for item in items:
        more = size_bytes(item)
        full = max_items is not None and len(group) >= max_items
        heavy = max_bytes is not None and size + more > max_bytes
        if group and (full or heavy):
            yield batch(group)
            group, size = [], empty
        group.append(item)
        size += more + len(",")
    if group:
        yield batch(group)
