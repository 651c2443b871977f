"""The fields of a Distributed Map state, and the inputs of its children."""

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.enforcement.judge import AccessDeniedError
from localcloud.emulator.enforcement.tasks import authorize_task
from localcloud.emulator.names import Function, private
from localcloud.emulator.repairs.executions import size_bytes

ITEM_READER_FAILED = "States.ItemReaderFailed"

MODULE = "ministack.services.stepfunctions"

Document = dict[str, Any]


class Interpreter:
    """Names of ministack, each looked up once."""

    def __init__(self) -> None:
        self.error: Function = private(f"{MODULE}:_ExecutionError")
        self.now: Function = private(f"{MODULE}:now_iso")
        self.add_event: Function = private(f"{MODULE}:_add_event")
        self.executions: MutableMapping[str, Document] = private(f"{MODULE}:_executions")
        self.map_runs: MutableMapping[str, Document] = private(f"{MODULE}:_map_runs")
        self.run_states: Function = private(f"{MODULE}:_run_sub_machine")
        self.read_items: Function = private(f"{MODULE}:_read_map_items")
        self.put_object: Function = private("ministack.services.s3:_put_object")
        self.jsonata: Function = private(f"{MODULE}:_apply_jsonata_template")
        self.jsonata_field: Function = private(f"{MODULE}:_jsonata_state_field")
        self.jsonata_output: Function = private(f"{MODULE}:_apply_jsonata_output")
        self.jsonata_assign: Function = private(f"{MODULE}:_apply_state_assign")
        self.query_language: Function = private(f"{MODULE}:_state_query_language")
        self.following: Function = private(f"{MODULE}:_next_or_end")


@dataclass(frozen=True)
class Batch:
    """Input of one child, and how many items are in it."""

    input: Any
    items: int


def batches(
    items: Iterable[Any], *, max_items: float | None, max_bytes: float | None, batch_input: Any
) -> Iterator[Batch]:
    """Yield inputs `{"Items": [...], "BatchInput": ...}` with as many items as the limits allow.

    The limit in bytes holds for the whole input. An item that alone exceeds it is a batch.
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


@dataclass(frozen=True)
class MapState:
    """A Distributed Map state that has been entered."""

    interpreter: Interpreter
    definition: Document
    data: Any
    """The state's input."""
    context: Document
    """The context object; also holds the variables."""

    def template(self, value: Any, context: Document | None = None) -> Any:
        """Evaluate the expressions in `value`, with `context` in the place of the state's."""
        return self.interpreter.jsonata(value, self.data, context or self.context)

    def number(self, name: str, field: str | None = None) -> float | None:
        """Evaluate the number `name` of the state or of its `field`; None if it is absent."""
        holder = self.definition[field] if field else self.definition
        return float(self._field(holder, name, "number")) if name in holder else None

    def arguments(self, field: str) -> Document:
        """Evaluate the Arguments of `field`."""
        arguments: Document = self.template(self.definition[field].get("Arguments", {}))
        return arguments

    def items(self) -> list[Any]:
        """Return the dataset, read or from the input, or raise States.ItemReaderFailed."""
        if "ItemReader" in self.definition:
            return self._read_items()
        has_items = "Items" in self.definition
        items = self._field(self.definition, "Items", "array") if has_items else self.data
        return items if isinstance(items, list) else [items]

    def batches(self, items: list[Any]) -> Iterator[Batch]:
        """Yield the inputs of the children."""
        inputs = self._selected(items)
        if "ItemBatcher" not in self.definition:
            return (Batch(item, 1) for item in inputs)
        batch_input = self.definition["ItemBatcher"].get("BatchInput")
        return batches(
            inputs,
            max_items=self.number("MaxItemsPerBatch", "ItemBatcher"),
            max_bytes=self.number("MaxInputBytesPerBatch", "ItemBatcher"),
            batch_input=None if batch_input is None else self.template(batch_input),
        )

    def conclude(self, result: Any) -> tuple[Any, str | None]:
        """Return the output of the state and the name of the next one."""
        arguments = (self.definition, self.data, self.context)
        output = self.interpreter.jsonata_output(*arguments, result=result, default=result)
        self.interpreter.jsonata_assign(*arguments, result=result)
        return output, self.interpreter.following(self.definition)

    def _field(self, holder: Document, name: str, type_: str) -> Any:
        return self.interpreter.jsonata_field(holder, name, type_, self.data, self.context)

    def _selected(self, items: list[Any]) -> Iterator[Any]:
        selector = self.definition.get("ItemSelector")
        for index, item in enumerate(items):
            if selector:
                position = {"Item": {"Index": index, "Value": item}}
                yield self.template(selector, {**self.context, "Map": position})
            else:
                yield item

    def _read_items(self) -> list[Any]:
        reader = self.definition["ItemReader"]
        settings = self.template(reader.get("ReaderConfig", {}))
        evaluated = {**reader, "Parameters": self.arguments("ItemReader"), "ReaderConfig": settings}
        try:
            self._authorize_reading(evaluated)
            return list(self.interpreter.read_items(evaluated, self.data, self.context))
        except (ValueError, KeyError, IndexError) as error:
            where = evaluated["Parameters"]
            cause = f"The dataset {where} cannot be read: {error!r}"
            raise self.interpreter.error(ITEM_READER_FAILED, cause) from error
        except AccessDeniedError as error:
            raise self.interpreter.error(ITEM_READER_FAILED, str(error)) from error

    @staticmethod
    def _authorize_reading(reader: Document) -> None:
        where = reader["Parameters"]
        bucket = f"arn:aws:s3:::{where.get('Bucket')}"
        if reader["Resource"].endswith(":listObjectsV2"):
            prefix = {"s3:prefix": where.get("Prefix", "")}
            authorize_task("s3:ListBucket", bucket, prefix)
        else:
            authorize_task("s3:GetObject", f"{bucket}/{where.get('Key')}")
