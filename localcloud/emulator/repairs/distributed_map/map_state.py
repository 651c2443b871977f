"""The fields of a Distributed Map state, evaluated in the state's query language."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.enforcement.judge import AccessDeniedError
from localcloud.emulator.enforcement.tasks import authorize_task
from localcloud.emulator.repairs.distributed_map.batches import Batch, batches
from localcloud.emulator.repairs.distributed_map.interpreter import Document, Interpreter

ITEM_READER_FAILED = "States.ItemReaderFailed"


@dataclass(frozen=True)
class MapState:
    """A Distributed Map state that has been entered."""

    interpreter: Interpreter
    definition: Document
    data: Any
    """The state's input."""
    effective: Any
    """The input after InputPath: what JSONPath refers to."""
    context: Document
    """The context object; also holds the variables."""

    @property
    def jsonata(self) -> bool:
        """Whether the state's query language is JSONata, otherwise it is JSONPath."""
        return self.interpreter.query_language(self.definition, self.context) == "JSONata"

    def template(self, value: Any, context: Document | None = None) -> Any:
        """`value` with its expressions evaluated, in `context` if that is not the state's."""
        if self.jsonata:
            return self.interpreter.jsonata(value, self.data, context or self.context)
        return self.interpreter.jsonpath(value, self.effective, context or self.context)

    def number(self, name: str, field: str | None = None) -> float | None:
        """Value of the numeric field `name` of the state or of its `field`; None if not there."""
        holder = self.definition[field] if field else self.definition
        if f"{name}Path" in holder:
            path = holder[f"{name}Path"]
            return float(self.interpreter.path(path, self.effective, self.context))
        if name not in holder:
            return None
        if self.jsonata:
            value = self.interpreter.jsonata_field(holder, name, "number", self.data, self.context)
            return float(value)
        return float(holder[name])

    def arguments(self, field: str) -> Document:
        """Evaluated Arguments (JSONata) or Parameters (JSONPath) of `field`."""
        name = "Arguments" if self.jsonata else "Parameters"
        arguments: Document = self.template(self.definition[field].get(name, {}))
        return arguments

    def items(self) -> list[Any]:
        """The dataset: from the ItemReader, else from the state's input.

        Raises:
            ministack's error States.ItemReaderFailed: the dataset cannot be read.
        """
        if "ItemReader" in self.definition:
            return self._read_items()
        if self.jsonata and "Items" in self.definition:
            field = self.interpreter.jsonata_field
            items = field(self.definition, "Items", "array", self.data, self.context)
        else:
            path = self.definition.get("ItemsPath", "$")
            items = self.interpreter.path(path, self.effective, self.context)
        return items if isinstance(items, list) else [items]

    def batches(self, items: list[Any]) -> Iterator[Batch]:
        """The inputs of the children."""
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
        """Output of the state and name of the next one."""
        following = self.interpreter.following(self.definition)
        if self.jsonata:
            arguments = (self.definition, self.data, self.context)
            output = self.interpreter.jsonata_output(*arguments, result=result, default=result)
            self.interpreter.jsonata_assign(*arguments, result=result)
            return output, following
        result = self.interpreter.result_selector(self.definition, result)
        output = self.interpreter.result_path(self.definition, self.data, result)
        return self.interpreter.output_path(self.definition, output, self.context), following

    def _selected(self, items: list[Any]) -> Iterator[Any]:
        selector = self.definition.get("ItemSelector") or self.definition.get("Parameters")
        for index, item in enumerate(items):
            if selector:
                position = {"Item": {"Index": index, "Value": item}}
                yield self.template(selector, {**self.context, "Map": position})
            else:
                yield item

    def _read_items(self) -> list[Any]:
        reader = self.definition["ItemReader"]
        settings = reader.get("ReaderConfig", {})
        if self.jsonata:
            settings = self.template(settings)
        evaluated = {**reader, "Parameters": self.arguments("ItemReader"), "ReaderConfig": settings}
        try:
            self._authorize_reading(evaluated)
            return self.interpreter.read_items(evaluated, self.effective, self.context)
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
