"""Distributed Map in JSONata with batches and results in S3, as on AWS; ministack has neither.

The module replaces ministack's loop over the children of a Map Run, and takes the rest from it:
item readers, the states inside a child, and the APIs that describe Map Runs. A state in JSONPath
remains ministack's.

Source of what AWS does, unless said otherwise: https://docs.aws.amazon.com/step-functions/latest/dg/
state-map-distributed.html, input-output-itembatcher.html and input-output-resultwriter.html.
"""

from typing import Any

from localcloud.emulator.names import Function, around
from localcloud.emulator.repairs.distributed_map.map_run import MapRun
from localcloud.emulator.repairs.distributed_map.map_state import (
    MODULE,
    Document,
    Interpreter,
    MapState,
)


def repair() -> None:
    """Run every Distributed Map in JSONata here."""
    interpreter = Interpreter()

    @around(f"{MODULE}:_run_distributed_map")
    def run_distributed_map(
        run_jsonpath: Function,
        state: Document,
        data: Any,
        effective: Any,
        processor: Document,
        execution: Document,
        context: Document,
    ) -> Any:
        if interpreter.query_language(state, context) != "JSONata":
            return run_jsonpath(state, data, effective, processor, execution, context)
        map_state = MapState(interpreter, state, data, context)
        run = MapRun(map_state, processor, execution)
        result = run.run()
        if run.aborted:
            return data, None  # whatever follows, the execution has ended
        return map_state.conclude(result)
