"""The results of a Map Run: returned as the result of the state, or written to S3."""

import json
from typing import Any

from localcloud.emulator.enforcement.judge import AccessDeniedError
from localcloud.emulator.enforcement.tasks import authorize_task
from localcloud.emulator.repairs.distributed_map.map_state import Document, Interpreter, MapState

RESULT_WRITER_FAILED = "States.ResultWriterFailed"
FILES = ("FAILED", "PENDING", "SUCCEEDED")


class Results:
    """The results as one list, in the order of the items."""

    written = False
    """True if the results go to S3."""

    def __init__(self, transformation: str) -> None:
        self.transformation = transformation
        self._values: dict[int, list[Any]] = {}

    def add(self, index: int, child: Document) -> None:
        """Take the ended execution `child`, the `index`-th of the run."""
        self._values[index] = _transformed(child, self.transformation)

    def add_pending(self, index: int, child_input: Any) -> None:
        """Take the input of a child that was never started, which is only ever written to S3."""

    def finish(self) -> Any:
        """Return the result of the state."""
        return _in_order(self._values)


class WrittenResults(Results):
    """The results as files in S3: one for each status, and a manifest that names them.

    The order in a file is that of the items here, and not promised on AWS, where there are also
    several files of a status when they grow large: consumers read the manifest.
    """

    written = True

    def __init__(
        self,
        interpreter: Interpreter,
        map_run_arn: str,
        *,
        bucket: str,
        prefix: str,
        transformation: str,
        lines: bool,
    ) -> None:
        """Write below `prefix` of `bucket`; `lines` asks for JSON Lines instead of an array."""
        super().__init__(transformation)
        self._interpreter = interpreter
        self._map_run_arn = map_run_arn
        self._bucket = bucket
        self._folder = f"{prefix}/" if prefix else ""
        self._folder += map_run_arn.rpartition(":")[2]
        self._lines = lines
        self._files: dict[str, dict[int, list[str]]] = {file: {} for file in FILES}

    def add(self, index: int, child: Document) -> None:
        """Take the ended execution `child`; one that was aborted counts as failed."""
        file = "SUCCEEDED" if child["status"] == "SUCCEEDED" else "FAILED"
        values = _transformed(child, self.transformation)
        self._files[file][index] = [json.dumps(value) for value in values]

    def add_pending(self, index: int, child_input: Any) -> None:
        """Take the input of a child that was never started."""
        record = {
            "Input": json.dumps(child_input),
            "InputDetails": {"Included": True},
            "Status": "PENDING",
        }
        self._files["PENDING"][index] = [json.dumps(record)]

    def finish(self) -> Any:
        """Write the files; return where the manifest is, or raise States.ResultWriterFailed."""
        manifest = {
            "DestinationBucket": self._bucket,
            "MapRunArn": self._map_run_arn,
            "ResultFiles": {file: self._write(file) for file in FILES},
        }
        key = f"{self._folder}/manifest.json"
        self._put(key, json.dumps(manifest))
        return {
            "MapRunArn": self._map_run_arn,
            "ResultWriterDetails": {"Bucket": self._bucket, "Key": key},
        }

    def _write(self, file: str) -> list[Document]:
        values = _in_order(self._files[file])
        if not values:
            return []
        key = f"{self._folder}/{file}_0.{'jsonl' if self._lines else 'json'}"
        text = "".join(f"{value}\n" for value in values) if self._lines else _array(values)
        return [{"Key": key, "Size": self._put(key, text)}]

    def _put(self, key: str, text: str) -> int:
        body = text.encode()
        try:
            authorize_task("s3:PutObject", f"arn:aws:s3:::{self._bucket}/{key}")
        except AccessDeniedError as error:
            raise self._interpreter.error(RESULT_WRITER_FAILED, str(error)) from error
        headers = {"content-type": "application/json"}
        status, _, answer = self._interpreter.put_object(self._bucket, key, body, headers)
        if status != 200:
            cause = f"s3://{self._bucket}/{key} cannot be written: {answer!r}"
            raise self._interpreter.error(RESULT_WRITER_FAILED, cause)
        return len(body)


def results_of(state: MapState, map_run_arn: str) -> Results:
    """Return where the results of `state` go, by its ResultWriter."""
    writer = state.definition.get("ResultWriter", {})
    settings = writer.get("WriterConfig", {})
    if "Resource" not in writer:
        return Results(settings.get("Transformation", "COMPACT"))
    arguments = state.arguments("ResultWriter")
    return WrittenResults(
        state.interpreter,
        map_run_arn,
        bucket=arguments["Bucket"],
        prefix=arguments.get("Prefix", ""),
        transformation=settings.get("Transformation", "NONE"),
        lines=settings.get("OutputType") == "JSONL",
    )


def _in_order(values: dict[int, list[Any]]) -> list[Any]:
    return [value for index in sorted(values) for value in values[index]]


def _array(values: list[str]) -> str:
    return f"[{','.join(values)}]"


def _transformed(child: Document, transformation: str) -> list[Any]:
    if child["status"] != "SUCCEEDED" or transformation == "NONE":
        return [_record(child)]
    output = json.loads(child["output"])
    return output if transformation == "FLATTEN" and isinstance(output, list) else [output]


def _record(child: Document) -> Document:
    names = {
        "ExecutionArn": "executionArn",
        "Input": "input",
        "Name": "name",
        "Output": "output",
        "Error": "error",
        "Cause": "cause",
        "StartDate": "startDate",
        "StateMachineArn": "stateMachineArn",
        "Status": "status",
        "StopDate": "stopDate",
    }
    known = {name: child[key] for name, key in names.items() if child.get(key) is not None}
    return {**known, "InputDetails": {"Included": True}, "OutputDetails": {"Included": True}}
