"""Replies of models of two classes, usual and odd, for all that read them."""

import json

READ: dict[bytes, list[float]] = {
    b"[0.25, 0.75]": [0.25, 0.75],
    b" [0.25,\r\n\t0.75] \n": [0.25, 0.75],
    b"[0, 1]": [0.0, 1.0],
    b"[1.0000001192092896, 0]": [1.0, 0.0],  # 32-bit rounding
    b"[-1.1920929e-07, 1]": [0.0, 1.0],
    b"[-0.0, 1e-320]": [0.0, 1e-320],
    b"[0.9, 0.9]": [0.9, 0.9],
    b"[0.1, 0.2]": [0.1, 0.2],
}
"""And what they say."""

OTHER_COUNT = (b"[0.2, 0.3, 0.5]", b"[1.0]")
"""Probabilities of models with other classes."""

WRAPPED = {
    "row": b"[[0.25, 0.75]]",
    "predictions": b'{"predictions": [[0.25, 0.75]]}',
    "csv": b"0.25,0.75",
}
"""Answers of other model servers; a report reads them, the deployment does not."""

REFUSED = {
    "empty": b"",
    "text": b"<html>Bad gateway</html>",
    "null": b"null",
    "true": b"true",
    "empty-list": b"[]",
    "empty-object": b"{}",
    "object": b'{"0": 0.25, "1": 0.75}',
    "same-key-twice": b'{"0": [0.25, 0.75], "0": 1}',
    "string": b'"[0.25, 0.75]"',
    "strings": b'["0.25", "0.75"]',
    "nulls": b"[null, 0.9]",
    "booleans": b"[true, false]",
    "objects": b"[0.25, {}]",
    "two-rows": b"[[0.25, 0.75], [0.5, 0.5]]",
    "above-1": b"[2, 0]",
    "a-little-above-1": b"[1.00001, 0]",
    "below-0": b"[0.5, -0.5]",
    "a-little-below-0": b"[-0.00001, 1]",
    "infinity": b"[Infinity, 0]",
    "minus-infinity": b"[-Infinity, 0]",
    "nan": b"[NaN, 1]",
    "1e999": b"[1e999, 0]",
    "400-digits": b"[" + b"1" * 400 + b", 0]",
    "minus-400-digits": b"[-" + b"1" * 400 + b", 0]",
    "5000-digits": b"[" + b"1" * 5000 + b", 0]",
    "3000-brackets": b"[" * 3000 + b"]" * 3000,
    "90000-brackets": b"[" * 90_000,
    "cut": b"[0.25, 0.7",
    "more-after-it": b"[0.25, 0.75] [0.25, 0.75]",
    "no-utf-8": b'[0.25, "\xff"]',
    "latin-1": b"[0.25, 0.75]\xe9",
    "many": json.dumps([0.5] * 1_001).encode(),
    "three-million": b"[" + b"0," * 3_000_000 + b"0]",
}
"""By what is odd about them."""
