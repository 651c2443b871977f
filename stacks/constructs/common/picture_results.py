"""The result that each picture returns to the Map, in JSONata, and its maximum length.

The results of all pictures must fit into one state of the execution. So every text of a result has
a limit, and an input whose results might not fit is refused before any picture costs anything.

An expression is one object constructor on purpose: it drops a key whose value is undefined, where
Step Functions would fail a template with one expression per key.
"""

import json
from collections.abc import Sequence
from typing import Any

from lambda_src.shared import class_names
from stacks.constructs.common.jsonata import expression, readable

# classification_workflow.py has the arithmetic of their events in the execution's history.
MAX_IMAGES = 500

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (payload size)
MAX_STATE_BYTES = 262_144
# The counts, and everything around the results.
ENVELOPE_BYTES = 200

# With more probabilities a result could be longer than that of a failed picture, and 500 pictures
# with ordinary keys would no longer fit. The captures have all probabilities.
MAX_INFERENCES = 3

# Bytes of the texts in a result. A longer label takes the room of the reason, then that of the
# probabilities; one that is longer than both leaves room for fewer pictures.
MAX_LABEL = 33
MAX_REASON = 96
MAX_ERROR = 50
MAX_CAUSE = 240
NUMBER_BYTES = 25

# Status of a picture by the exception of lambda_src/ that ended it, if the picture is at fault. Any
# other error is ours: 500.
STATUS_OF_ERROR = {
    "InvalidEvent": 400,
    "InvalidImageReference": 400,
    "ImageAccessDenied": 403,
    "ImageNotFound": 404,
    "ImageTooLarge": 413,
    "TooManyPixels": 413,
    "TooManyScans": 413,
    "TooManySegments": 413,
    "NotAnImage": 415,
    "UnsupportedImageFormat": 415,
    "ImageDamaged": 422,
    "ImageEmpty": 422,
    "ImageRefused": 422,
    "ImageTruncated": 422,
}

# The most bytes of a text in JSON: two for a character with a backslash escape or two bytes in
# UTF-8, six for any other that is not printable ASCII.
_BYTES = r"""
    $bytes := function($text) {(
      $without := function($some) { $length($replace($text, $some, "")) };
      2 * $length($text) - $without(/["\x5c\n\r\t\u0080-\u07ff]/)
        + 5 * $without(/[ -~\n\r\t\u0080-\u07ff]/)
    )};
"""
# Cuts a text off at a number of bytes.
_BOUNDED = f"""
    {_BYTES}
    $fit := function($text, $most) {{
      $bytes($text) <= $most ? $text
        : $fit($substring($text, 0, $floor($length($text) * 0.9)), $most)
    }};
    $bounded := function($text, $most) {{
      $type($text) = "string" ? $fit($substring($text, 0, $most), $most)
    }};
"""
_BUCKET_AND_KEY = """
    "s3_bucket": $states.input.s3_bucket[$type($) = "string"],
    "s3_key": $states.input.s3_key[$type($) = "string"]
"""


def read_input(classes: Sequence[str]) -> str:
    """Return `{"images"}`, with bucket and key of each, or `{"problem"}`.

    Takes a list of images, or one image as the event itself. `classes` are the listed ones; there
    may be none, and the model has others.
    """
    return expression(
        f"""
        (
          {_BYTES}
          $images := $exists($states.input.images) ? $states.input.images : [$states.input];
          $count := $count($images);
          $all := "use scones classify, which takes any number";
          $type($images) != "array"
            ? {{"problem": "images is of type " & $type($images) & "; expected a list of "
                & "{{s3_bucket, s3_key}}"}}
          : $count > {MAX_IMAGES}
            ? {{"problem": $count & " images; an execution takes at most {MAX_IMAGES}: " & $all}}
          : (
              $named := [$map($images, function($image) {{
                $type($image) = "object"
                  ? {{"s3_bucket": $image.s3_bucket, "s3_key": $image.s3_key}} : {{}}
              }})];
              $names := "" & $join($named.($string(s3_bucket) & $string(s3_key)));
              $most := {ENVELOPE_BYTES} + $count * {longest_result(classes)} + $bytes($names);
              $most > {MAX_STATE_BYTES}
                ? {{"problem": $count & " images with these buckets and keys; their results may "
                    & "take " & $most & " bytes, and a state of the execution carries at most "
                    & "{MAX_STATE_BYTES}: fewer images at a time, or " & $all}}
                : {{"images": $named}}
            )
        )
        """
    )


def judged(classes: Sequence[str]) -> str:
    """Return the result of a picture that filter_confidence accepted or rejected."""
    if _short(classes):
        label = f"$bounded($answer.body.label, {MAX_LABEL})"
        reason = f"$bounded($answer.body.reason, {MAX_REASON})"
        inferences, room = _inferences(len(classes)), ""
    else:
        most = MAX_LABEL + MAX_REASON
        label, inferences = "$label", _inferences_at_run_time("$room >= 0")
        room = f"""
          $label := $bounded($answer.body.label, {_longest_label(classes)});
          $room := {most} - ($exists($label) ? $bytes($label) : 0);
        """
        reason = f"$bounded($answer.body.reason, $max([0, $min([$room, {MAX_REASON}])]))"
    return expression(
        f"""
        (
          {_BOUNDED}
          $number := function($value) {{ $type($value) = "number" ? $value }};
          $answer := $states.result.Payload;
          $accepted := $answer.statusCode = 200;{room}
          {{
            "verdict": $accepted ? "accepted" : "rejected",
            "statusCode": $accepted ? 200 : 406,
            "body": {{
              {_BUCKET_AND_KEY},
              "label": {label},
              "confidence": $number($answer.body.confidence),
              "threshold": $number($answer.body.threshold),
              {inferences}
              "reason": {reason}
            }}
          }}
        )
        """
    )


def raised(classes: Sequence[str]) -> str:
    """Return the result of a picture that filter_confidence rejected by raising an error."""
    count = len(classes)
    inferences = _inferences(count) if _short(classes) else _inferences_at_run_time("true")
    return expression(
        f"""
        (
          {_BOUNDED}
          {{
            "verdict": "rejected",
            "statusCode": 406,
            "body": {{
              {_BUCKET_AND_KEY},
              {inferences}
              "reason": $bounded({readable("$states.errorOutput.Cause")}, {MAX_REASON})
            }}
          }}
        )
        """
    )


def _short(classes: Sequence[str]) -> bool:
    """Tell whether all names are known, and so short that the results of any number fit."""
    return bool(classes) and class_names.longest(classes) <= MAX_LABEL


def _longest_label(classes: Sequence[str]) -> int:
    return class_names.longest(classes) if classes else class_names.LONGEST_UNLISTED


_INFERENCES = '$states.input.inferences[$type($) = "number"]'


def _inferences(classes: int) -> str:
    if classes > MAX_INFERENCES:
        return ""
    return f'"inferences": [({_INFERENCES})[[0..{classes - 1}]]],'


def _inferences_at_run_time(condition: str) -> str:
    few = f"$count($states.input.inferences) <= {MAX_INFERENCES} and {condition}"
    return f'"inferences": ({few}) ? [{_INFERENCES}],'


def _status() -> str:
    statuses = sorted(set(STATUS_OF_ERROR.values()))
    choices = (
        f"$error in {json.dumps([error for error, own in STATUS_OF_ERROR.items() if own == one])}"
        f" ? {one}"
        for one in statuses
    )
    return " : ".join([*choices, "500"])


FAILED = expression(
    f"""
    (
      {_BOUNDED}
      $error := $states.errorOutput.Error;
      {{
        "verdict": "failed",
        "statusCode": {_status()},
        "error": $bounded($error, {MAX_ERROR}),
        "cause": $bounded({readable("$states.errorOutput.Cause")}, {MAX_CAUSE}),
        "body": {{{_BUCKET_AND_KEY}}}
      }}
    )
    """
)


def longest_result(classes: Sequence[str]) -> int:
    """Return the most bytes of one result and the comma after it, without bucket and key."""
    number = 10 ** (NUMBER_BYTES - 1)
    names = {"s3_bucket": "", "s3_key": ""}
    rejected: dict[str, Any] = {
        "verdict": "rejected",
        "statusCode": 406,
        "body": {
            **names,
            "label": "x" * MAX_LABEL,
            "confidence": number,
            "threshold": number,
            "inferences": [number] * _most_inferences(classes),
            "reason": "x" * MAX_REASON,
        },
    }
    with_long_label = {
        "label": "x" * (0 if _short(classes) else _longest_label(classes)),
        "reason": "",
        "inferences": [],
    }
    rejected_with_long_label = {**rejected, "body": rejected["body"] | with_long_label}
    failed = {
        "verdict": "failed",
        "statusCode": 500,
        "error": "x" * MAX_ERROR,
        "cause": "x" * MAX_CAUSE,
        "body": names,
    }
    results = (rejected, rejected_with_long_label, failed)
    return 1 + max(len(json.dumps(each, separators=(",", ":"))) for each in results)


def _most_inferences(classes: Sequence[str]) -> int:
    if not _short(classes):
        return MAX_INFERENCES
    return len(classes) if len(classes) <= MAX_INFERENCES else 0


# [...] keeps a single result a list.
RESULTS = expression(
    """
    (
      $results := [$states.result];
      $of := function($verdict) { $count($results[verdict = $verdict]) };
      {
        "counts": {
          "images": $count($results),
          "accepted": $of("accepted"),
          "rejected": $of("rejected"),
          "failed": $of("failed")
        },
        "results": $results
      }
    )
    """
)
