"""The result that each picture returns to the Map, in JSONata, and its maximum length.

The results of all pictures must fit into one state of the execution. So every text of a result has
a limit, and an input whose results might not fit is refused before any picture costs anything.

An expression is one object constructor on purpose: it drops a key whose value is undefined, where
Step Functions would fail a template with one expression per key.
"""

import json

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

# Bytes of the texts in a result. A label is at most as long as a class name in the settings.
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


def read_input(classes: int) -> str:
    """Return `{"images"}`, with bucket and key of each, or `{"problem"}`.

    Takes a list of images, or one image as the event itself.
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


def judged(classes: int) -> str:
    """Return the result of a picture that filter_confidence accepted or rejected."""
    return expression(
        f"""
        (
          {_BOUNDED}
          $number := function($value) {{ $type($value) = "number" ? $value }};
          $answer := $states.result.Payload;
          $accepted := $answer.statusCode = 200;
          {{
            "verdict": $accepted ? "accepted" : "rejected",
            "statusCode": $accepted ? 200 : 406,
            "body": {{
              {_BUCKET_AND_KEY},
              "label": $bounded($answer.body.label, {MAX_LABEL}),
              "confidence": $number($answer.body.confidence),
              "threshold": $number($answer.body.threshold),
              {_inferences(classes)}
              "reason": $bounded($answer.body.reason, {MAX_REASON})
            }}
          }}
        )
        """
    )


def raised(classes: int) -> str:
    """Return the result of a picture that filter_confidence rejected by raising an error."""
    return expression(
        f"""
        (
          {_BOUNDED}
          {{
            "verdict": "rejected",
            "statusCode": 406,
            "body": {{
              {_BUCKET_AND_KEY},
              {_inferences(classes)}
              "reason": $bounded({readable("$states.errorOutput.Cause")}, {MAX_REASON})
            }}
          }}
        )
        """
    )


def _inferences(classes: int) -> str:
    if classes > MAX_INFERENCES:
        return ""
    of_input = '$states.input.inferences[$type($) = "number"]'
    return f'"inferences": [({of_input})[[0..{classes - 1}]]],'


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


def longest_result(classes: int) -> int:
    """Return the most bytes of one result and the comma after it, without bucket and key."""
    number = 10 ** (NUMBER_BYTES - 1)
    names = {"s3_bucket": "", "s3_key": ""}
    rejected = {
        "verdict": "rejected",
        "statusCode": 406,
        "body": {
            **names,
            "label": "x" * MAX_LABEL,
            "confidence": number,
            "threshold": number,
            "inferences": [number] * (classes if classes <= MAX_INFERENCES else 0),
            "reason": "x" * MAX_REASON,
        },
    }
    failed = {
        "verdict": "failed",
        "statusCode": 500,
        "error": "x" * MAX_ERROR,
        "cause": "x" * MAX_CAUSE,
        "body": names,
    }
    return 1 + max(len(json.dumps(each, separators=(",", ":"))) for each in (rejected, failed))


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
