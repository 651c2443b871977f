"""Distributed Map with batches, results in S3 and JSONata, as on AWS; ministack has none of these.

The module replaces ministack's loop over the children of a Map Run, and takes the rest from it:
item readers, the states inside a child, and the APIs that tell of Map Runs.

Source of what AWS does, unless said otherwise: https://docs.aws.amazon.com/step-functions/latest/dg/
state-map-distributed.html, input-output-itembatcher.html and input-output-resultwriter.html.
"""

from typing import Any

from localcloud.emulator.names import replace
from localcloud.emulator.repairs.distributed_map.interpreter import (
    RUN_DISTRIBUTED_MAP,
    Document,
    Interpreter,
)
from localcloud.emulator.repairs.distributed_map.map_run import MapRun
from localcloud.emulator.repairs.distributed_map.map_state import MapState


def repair() -> None:
    """Run every Distributed Map here."""
    interpreter = Interpreter()

    def run_distributed_map(
        state: Document,
        data: Any,
        effective: Any,
        processor: Document,
        execution: Document,
        context: Document,
    ) -> tuple[Any, str | None]:
        map_state = MapState(interpreter, state, data, effective, context)
        run = MapRun(map_state, processor, execution)
        result = run.run()
        if run.aborted:
            return data, None  # whatever follows, the execution has ended
        return map_state.conclude(result)

    replace(RUN_DISTRIBUTED_MAP, run_distributed_map)
