"""What a Distributed Map takes from ministack's interpreter of the Amazon States Language."""

from collections.abc import Callable, MutableMapping
from typing import Any

from localcloud.emulator.names import private

MODULE = "ministack.services.stepfunctions"
RUN_DISTRIBUTED_MAP = f"{MODULE}:_run_distributed_map"

Document = dict[str, Any]


class Interpreter:
    """Names of ministack, each looked up once."""

    def __init__(self) -> None:
        self.error: Callable[[str, str], Exception] = private(f"{MODULE}:_ExecutionError")
        self.now: Callable[[], str] = private(f"{MODULE}:now_iso")
        self.add_event: Callable[[Document, str, Document], Any] = private(f"{MODULE}:_add_event")
        self.executions: MutableMapping[str, Document] = private(f"{MODULE}:_executions")
        self.map_runs: MutableMapping[str, Document] = private(f"{MODULE}:_map_runs")

        self.run_states: Callable[..., Any] = private(f"{MODULE}:_run_sub_machine")
        self.read_items: Callable[..., list[Any]] = private(f"{MODULE}:_read_map_items")
        self.put_object: Callable[..., tuple[int, Any, Any]] = private(
            "ministack.services.s3:_put_object"
        )

        self.jsonata: Callable[..., Any] = private(f"{MODULE}:_apply_jsonata_template")
        self.jsonata_field: Callable[..., Any] = private(f"{MODULE}:_jsonata_state_field")
        self.jsonata_output: Callable[..., Any] = private(f"{MODULE}:_apply_jsonata_output")
        self.jsonata_assign: Callable[..., None] = private(f"{MODULE}:_apply_state_assign")
        self.jsonpath: Callable[..., Any] = private(f"{MODULE}:_resolve_params_obj")
        self.path: Callable[..., Any] = private(f"{MODULE}:_resolve_path_or_ctx")
        self.result_selector: Callable[..., Any] = private(f"{MODULE}:_apply_result_selector")
        self.result_path: Callable[..., Any] = private(f"{MODULE}:_apply_result_path")
        self.output_path: Callable[..., Any] = private(f"{MODULE}:_apply_output_path")
        self.query_language: Callable[..., str] = private(f"{MODULE}:_state_query_language")
        self.following: Callable[[Document], str | None] = private(f"{MODULE}:_next_or_end")
