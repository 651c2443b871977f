"""JSONata of the state machine: what its states read, decide and say.

An expression is one object constructor on purpose: a key whose value is undefined is then left
out, where Step Functions would fail a template with one expression per key.
"""

from stacks.constructs.common.error_cause import readable

# About 21 history events and at most some 450 bytes of result a picture: this many stay clear of
# the 25,000 events of an execution and of the 256 KiB of its state.
MAX_IMAGES = 500

# Pictures named in the notification, of each kind.
MAX_NAMED = 20

# Characters that Step Functions takes as a cause, and those of them that a notice repeats.
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html
LONGEST_CAUSE = 32_768
MAX_CAUSE = 2000

# SNS sends no more than 1,600 bytes to a phone, which may be two a character, and bills each 140.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_SMS = 600

# Status of a picture's result by the error that ended it: the exceptions of lambda_src/ for which
# the picture is at fault. Any other error is ours, 500.
STATUS_OF_ERROR = {
    "InvalidImageReference": 400,
    "ImageAccessDenied": 403,
    "ImageNotFound": 404,
    "ImageTooLarge": 413,
    "TooManyPixels": 413,
    "TooManyScans": 413,
    "NotAnImage": 415,
    "UnsupportedImageFormat": 415,
    "ImageDamaged": 422,
    "ImageEmpty": 422,
    "ImageRefused": 422,
    "ImageTruncated": 422,
}


def expression(text: str) -> str:
    """The JSONata on one line, as Step Functions takes it."""
    return "{% " + " ".join(line.strip() for line in text.strip().splitlines()) + " %}"


READ_INPUT = expression(
    '{"images": $exists($states.input.images) ? $states.input.images : [$states.input]}'
)

INPUT_IS_USABLE = expression(
    f"""
    $type($states.input.images) = "array" and $count($states.input.images) <= {MAX_IMAGES}
    """
)

INVALID_INPUT = expression(
    f"""
    $type($states.input.images) = "array"
      ? $string($count($states.input.images)) & " images; an execution takes at most {MAX_IMAGES}: "
        & "for thousands of them, python -m classify"
      : "images is of type " & $type($states.input.images) & "; expected a list of "
        & "{{s3_bucket, s3_key}}"
    """
)

_STATUS_TABLE = ", ".join(f'"{error}": {status}' for error, status in STATUS_OF_ERROR.items())

# Without image_data: the picture and the cause together may exceed what a state can carry.
CAUGHT = expression(
    """
    {
      "error": $states.errorOutput,
      "body": $type($states.input) = "object"
        ? {"s3_bucket": $states.input.s3_bucket, "s3_key": $states.input.s3_key} : {}
    }
    """
)

FAILED = expression(
    f"""
    (
      $error := $states.input.error;
      $status := $lookup({{{_STATUS_TABLE}}}, $error.Error);
      {{
        "verdict": "failed",
        "statusCode": $exists($status) ? $status : 500,
        "error": $error.Error,
        "cause": $substring({readable("$error.Cause")}, 0, 250),
        "body": $states.input.body
      }}
    )
    """
)

# The filter that raises says the reason only; its input still has the probabilities.
CAUGHT_REJECTION = expression(
    f"""
    {{
      "statusCode": 406,
      "body": $merge([$states.input, {{"reason": {readable("$states.errorOutput.Cause")}}}])
    }}
    """
)

ACCEPTED = expression('$merge([{"verdict": "accepted"}, $states.input])')
REJECTED = expression('$merge([{"verdict": "rejected"}, $states.input])')

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

ALL_ACCEPTED = expression("$states.input.counts.accepted = $states.input.counts.images")

_LISTING = f"""
    $counts := $states.input.counts;
    $listing := function($title, $verdict, $say) {{
      (
        $those := [$states.input.results[verdict = $verdict]];
        $more := $lookup($counts, $verdict) - {MAX_NAMED};
        $count($those) = 0 ? "" :
          "\\n" & $title & "\\n"
          & $join($map([$those[[0..{MAX_NAMED - 1}]]], function($one) {{
              "- " & ($exists($one.body.s3_key)
                ? "s3://" & $one.body.s3_bucket & "/" & $one.body.s3_key : "no bucket and key")
              & "\\n    " & $say($one) & "\\n"
            }}))
          & ($more > 0 ? "  ... and " & $more & " more\\n" : "")
      )
    }};
    $summary := $counts.accepted & " accepted, " & $counts.rejected & " rejected, "
      & $counts.failed & " failed of " & $counts.images & " images.\\n";
    $text := $summary
      & $listing("Rejected, to be looked at by a person:", "rejected",
          function($one) {{ $one.body.reason }})
      & $listing("Failed:", "failed",
          function($one) {{ $one.error & ": " & $one.cause }});
"""

THIS_EXECUTION = "$states.context.Execution.Id"


def message(where: str) -> str:
    """The notification; `where` is JSONata for what comes after "All results are in "."""
    return expression(
        f"""
        (
          {_LISTING}
          $text & "\\nAll results are in " & {where} & "\\n"
        )
        """
    )


MESSAGE = message('"the output of the execution\\n" & $states.context.Execution.Id')

MESSAGE_FOR_CAUSE = expression(f"( {_LISTING} $substring($text, 0, {LONGEST_CAUSE}) )")


def subject(environment: str) -> str:
    """Subject of the notification (SNS takes fewer than 100 characters on one line)."""
    return expression(
        f"""
        "Scones {environment}: " & ($states.input.counts.rejected + $states.input.counts.failed)
          & " of " & $states.input.counts.images & " images need attention"
        """
    )


def shorter_for_phones(message: str) -> str:
    """The expression's text by protocol, as SNS takes it with the message structure "json"."""
    text = message.removeprefix("{%").removesuffix("%}")
    return expression(
        f"""
        (
          $message := {text};
          $string({{"default": $message, "sms": $substring($message, 0, {MAX_SMS})}})
        )
        """
    )


# Below, $states.input is the detail of an EventBridge event; what does not apply is null there.

DEAD_EXECUTION = "$states.input.executionArn"

_END_OF_EXECUTION = """
    $lookup(
      {"FAILED": "failed", "TIMED_OUT": "ran out of time", "ABORTED": "was stopped"},
      $states.input.status
    )
"""

DEAD_EXECUTION_MESSAGE = expression(
    f"""
    (
      $input := $states.input;
      $cause := $type($input.cause) = "string" ? {readable("$input.cause")};
      $told := $join([$input.error, $cause][$type($) = "string"], "\\n");
      "An execution " & {_END_OF_EXECUTION} & " before it could report on its images.\\n"
        & ($told ? "\\n" & $substring($told, 0, {MAX_CAUSE}) & "\\n" : "")
        & "\\nIts history says where it ended\\n" & $input.executionArn & "\\n"
    )
    """
)


def dead_execution_subject(environment: str) -> str:
    """Subject of the notice of an execution that died."""
    return expression(f'"Scones {environment}: an execution " & {_END_OF_EXECUTION}')


ALARM = '$states.input.alarmName & " " & $states.input.state.timestamp'

ALARM_MESSAGE = expression(
    """
    (
      $input := $states.input;
      $description := $input.configuration.description;
      $input.alarmName & "\\n"
        & ($type($description) = "string" ? $description & "\\n" : "")
        & "\\n" & $input.state.reason & "\\n"
    )
    """
)


def alarm_subject(environment: str) -> str:
    """Subject of the notice of an alarm."""
    # Its name may be longer than a subject.
    return f"Scones {environment}: alarm"
