"""Events and files as nobody should send them: valid ones with some places changed."""

import copy
import json
import reprlib
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st

_settings = hypothesis.settings()


def _times(number: int) -> hypothesis.settings:
    # The fixtures of handlers live for all examples: a handler keeps nothing from event to event.
    return hypothesis.settings(
        max_examples=number * _settings.max_examples,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


# Dozens of examples, and thousands with the profile "thorough"; fewer where each one reads and
# writes several objects.
fuzzed, fuzzed_with_objects = _times(4), _times(1)

# Far beyond what any of the handlers takes.
MAX_SECONDS = 10
MAX_MORE_BYTES = 200 * 1024 * 1024
MAX_MESSAGE = 2000


ODD_KEYS = (
    *("bay/\x01.png", "bay/\ufffe.png", "\x00", "week 28/", "week #1.png", "why?.png", "/lead.png"),
    *("../up.png", "bay//double.png", "a b+c.png", "ü.png", "🚲<&>.png", "100%.png", "=1+1.png"),
    *("'=1.png", 'a, "b";\r\n=c\t.png'),
)
"""Keys that S3 can have."""

ACCEPTED = b'{"index": 0, "key": "0.png", "status": "accepted", "label": "bicycle", '
DAMAGED_LINES = {
    "cut off": b'{"index": 0, "key": "0.png", "sta',
    "gzip": b"\x1f\x8b\x08\x00\xff\xfe\xfd" * 9,
    "nested": b"[" * 100_000,
    "many digits": b"9" * 5000,
    "another type": b'["accepted"]',
    "no status": b'{"index": 0, "key": "0.png"}',
    "another status": b'{"index": 0, "key": "0.png", "status": ["accepted"]}',
    "index of text": b'{"index": "0", "key": "a", "status": "failed", "error": "a", "reason": ""}',
    "index of true": b'{"index": true, "key": "a", "status": "failed", "error": "a", "reason": ""}',
    "key of number": b'{"index": 0, "key": 0, "status": "failed", "error": "a", "reason": ""}',
    "no reason": b'{"index": 0, "key": "0.png", "status": "failed", "error": "a"}',
    "no probabilities": ACCEPTED + b'"confidence": 0.99, "inferences": null}',
    "no number": ACCEPTED + b'"confidence": NaN, "inferences": [NaN, 0.01]}',
    "another confidence": ACCEPTED + b'"confidence": 0.9, "inferences": [0.99, 0.01]}',
}
"""Lines of a part of a bulk run that classify_batch does not write."""


def nested(kind: type) -> Any:
    """Lists or dictionaries in one another, deeper than Python recurses."""
    value: Any = None
    for _ in range(20_000):  # the evaluator of JSONata, once used, lets Python recurse 10,000 times
        value = [value] if kind is list else {"a": value}
    return value


ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 7, 2**63, 10**400, 10**5000, 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", " ", "a", "0", "\0", "\ud800", "\udfff.png", "../x", "a b", "x" * 5000, "\u00fc", "=1"),
    *("s3://a/b", "arn:aws:s3:us-east-1:111122223333:accesspoint/a", "a-s3alias", "a--x-s3"),
    *(b"", b"\xff", [], {}, [[]], [None] * 50, {"": None}, {"item": {}}),
]
deep_values = st.sampled_from([list, dict]).map(nested)
odd_values = st.sampled_from(ODD_VALUES).map(copy.deepcopy) | deep_values


@dataclass(frozen=True)
class Mutated:
    """A value that Hypothesis can print, however deep it is."""

    value: Any

    def __repr__(self) -> str:
        """Return the value without what is nested deeply."""
        return f"Mutated({reprlib.Repr().repr(self.value)})"


@st.composite
def mutated(draw: st.DrawFn, valid: Any) -> Mutated:
    """A copy of what is valid with up to three places changed; now and then none, or all of it."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(0, 3))):
        value = _changed(draw, value)
    return Mutated(value)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    listed = range(len(value)) if isinstance(value, list) else ()
    places = list(value if isinstance(value, dict) else listed)
    # Most changes are below the top: of a whole event there is little to find out.
    if not places or draw(st.integers(0, 9)) == 0:
        return draw(odd_values)
    place = draw(st.sampled_from(places))
    change = draw(st.sampled_from(["below", "below", "replace", "drop", "wrap", "swap", "repeat"]))
    if change == "below":
        value[place] = _changed(draw, value[place])
    elif change == "replace":
        value[place] = draw(odd_values)
    elif change == "drop":
        del value[place]
    elif change == "wrap":
        value[place] = [value[place]]
    elif change == "swap":
        other = draw(st.sampled_from(places))
        value[place], value[other] = value[other], value[place]
    elif isinstance(value, list):
        value.append(value[place])
    else:
        value[f"{place}s"] = value[place]
    return value


def as_json(given: Mutated) -> bytes:
    """Return the value as a file of JSON; what Python cannot write, by hand."""
    try:
        return json.dumps(given.value, default=str).encode()
    except RecursionError:
        return b'{"a":[' * 50_000
    except ValueError:
        return b"[" + b"9" * 5000 + b"]"


def outcome(call: Callable[[], Any], *allowed: str) -> Any:
    """Return what the call returns or, if its name is allowed, the error that it raises.

    Any other error is raised, and so is one whose message is long or cannot be sent.
    """
    try:
        with within_bounds():
            return call()
    except Exception as error:
        named = type(error).__module__.startswith(("lambda_src.", "botocore."))
        if not named or type(error).__name__ not in allowed:
            raise
        caught = error
    assert len(str(caught)) <= MAX_MESSAGE
    str(caught).encode()
    return caught


def answered(handler: Callable[[Any, Any], Any], event: Mutated, *allowed: str) -> Any:
    """Return the outcome of calling a handler, such as Lambda's runtime for Python can send.

    The runtime's process dies of half a surrogate pair in an answer, and Lambda's caller, which
    sees a crash, would call again.
    """
    answer = outcome(lambda: handler(event.value, None), *allowed)
    if not isinstance(answer, Exception):
        json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    return answer


@contextmanager
def within_bounds() -> Iterator[None]:
    """Fail if the body takes very long, or much more memory than the process has had before."""
    begun, before = time.process_time(), _most_bytes()
    yield
    assert time.process_time() - begun < MAX_SECONDS
    assert _most_bytes() - before < MAX_MORE_BYTES


def _most_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
