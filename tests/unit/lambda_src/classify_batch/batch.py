"""Batches of coloured pictures, and an endpoint that answers by their colour."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from PIL import Image

from tests.unit.lambda_src import objects

ENOUGH = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
GOOD, UNSURE, BAD = 255, 128, 7
"""Red of pictures: the model is sure of the first, and `Poison` fails for the last."""

Answer = Callable[[bytes], bytes]


def red_of(picture: bytes) -> int:
    red, *_ = Image.open(io.BytesIO(picture)).convert("RGB").tobytes()
    return red


class Endpoint:
    """Answers by the picture's colour, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Answer = self.by_colour
        self._lock = threading.Lock()

    def by_colour(self, picture: bytes) -> bytes:
        red = red_of(picture)
        return json.dumps([red / 255, 1 - red / 255]).encode()

    def invoke_endpoint(self, *, Body: bytes, **_: Any) -> dict[str, Any]:
        with self._lock:  # an answer may depend on the number of calls
            self.calls += 1
            return {"Body": io.BytesIO(self.answer(Body))}


class Poison:
    """Lets the model fail for some pictures; what it was asked for is counted by picture."""

    def __init__(self, handler: ModuleType, endpoint: Endpoint, reds: set[int]) -> None:
        self.reds = reds
        self.asked: Counter[int] = Counter()
        self._fault = handler.runtime.exceptions.ModelError
        self._by_colour = endpoint.by_colour
        self._lock = threading.Lock()
        endpoint.answer = self.answer

    def answer(self, picture: bytes) -> bytes:
        red = red_of(picture)
        with self._lock:
            self.asked[red] += 1
        if red in self.reds:
            raise self.fault()
        return self._by_colour(picture)

    def fault(self, status: int = 500) -> ClientError:
        answer = {
            "Error": {"Code": "ModelError", "Message": "Received server error"},
            "ResponseMetadata": {"HTTPStatusCode": 424},
            "OriginalStatusCode": status,
            "OriginalMessage": "cannot decode",
        }
        error: ClientError = self._fault(answer, "InvokeEndpoint")
        return error


def put(*keys: str, red: int = GOOD) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (red, 0, 0)).save(buffer, "PNG")
    for key in keys:
        objects.put("pictures", key, buffer.getvalue())


def put_numbered(count: int) -> list[str]:
    keys = [f"{number}.png" for number in range(count)]
    put(*keys)
    return keys


def event(*rows: Any, first: int = 0) -> dict[str, Any]:
    items = [{"index": first + number, "item": row} for number, row in enumerate(rows)]
    return {"BatchInput": {"results": "bulk/run"}, "Items": items}


def classify(handler: ModuleType, *rows: Any, first: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = handler.lambda_handler(event(*rows, first=first), ENOUGH)
    return answer


def part(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return objects.lines("artifacts", answer["part"])


def the_only_part() -> list[dict[str, Any]]:
    (key,) = objects.keys("artifacts")
    return objects.lines("artifacts", key)


def failing_after(endpoint: Endpoint, calls: int, fault: Exception) -> None:
    def answer(picture: bytes) -> bytes:
        if endpoint.calls > calls:
            raise fault
        return endpoint.by_colour(picture)

    endpoint.answer = answer


def client_error(code: str, status: int) -> ClientError:
    as_read: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(as_read, "InvokeEndpoint")
