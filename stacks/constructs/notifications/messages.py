"""The texts of notifications, in JSONata: rejected pictures, dead executions, alarms."""

from dataclasses import dataclass

from stacks.constructs.common.jsonata import MAX_CAUSE, SHOWN_TEXT, expression, readable

# Pictures of each kind that a message names.
MAX_NAMED = 20

# Characters of the list of pictures. A cause of Step Functions has at most 32,768; a message of SNS
# has 262,144 bytes, and a character may be 12 bytes of JSON.
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html
MAX_TEXT = 20_000

# SNS sends no more than 1,600 bytes to a phone, which may be two a character, and bills each 140.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_SMS = 600

# The error that ends an execution whose message is sent.
NOTIFIED_ERROR = "ImagesRejected"

ALL_ACCEPTED = expression("$states.input.counts.accepted = $states.input.counts.images")

_LISTING = f"""
    {SHOWN_TEXT}
    $counts := $states.input.counts;
    $listing := function($title, $verdict, $say) {{
      (
        $known := [$states.input.results[verdict = $verdict]];
        $those := [$known[[0..{MAX_NAMED - 1}]]];
        $more := $lookup($counts, $verdict) - $count($those);
        $count($those) = 0 ? "" :
          "\\n" & $title & "\\n"
          & $join($map($those, function($one) {{
              "- " & ($exists($one.body.s3_key)
                ? $shown("s3://" & $one.body.s3_bucket & "/" & $one.body.s3_key)
                : "no bucket and key")
              & "\\n    " & $shown($say($one)) & "\\n"
            }}))
          & ($more > 0 ? "  ... and " & $more & " more\\n" : "")
      )
    }};
    $summary := $counts.accepted & " accepted, " & $counts.rejected & " rejected, "
      & $counts.failed & " failed of " & $counts.images & " images"
      & ($counts.folders > 0 ? "; " & $counts.folders & " empty folders skipped") & ".\\n";
    $whole := $summary
      & $listing("Rejected, for a person to review:", "rejected",
          function($one) {{ $one.body.reason }})
      & $listing("Failed:", "failed",
          function($one) {{ $one.error & ": " & $one.cause }});
    $text := $length($whole) <= {MAX_TEXT} ? $whole
      : $substring($whole, 0, {MAX_TEXT}) & " ...\\n\\nThe rest does not fit.\\n";
"""

MESSAGE_FOR_CAUSE = expression(f"( {_LISTING} $text )")

_THIS_EXECUTION = "$states.context.Execution.Id"
IN_OUTPUT = f'"the output of the execution\\n" & {_THIS_EXECUTION}'
# An execution that fails has no output.
IN_HISTORY = f'"the history of the execution\\n" & {_THIS_EXECUTION}'


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message to the topic."""

    subject: str
    """Text or JSONata; SNS takes fewer than 100 characters on one line."""
    text: str
    """JSONata."""
    about: str
    """What the message is about, as JSONata without `{% %}`."""


def of_results(environment: str, where: str) -> Message:
    """Return the message on pictures that were not accepted.

    `where` is JSONata for what follows "All results are in ".
    """
    return Message(
        subject=expression(
            f"""
            "Scones {environment}: " & ($states.input.counts.rejected + $states.input.counts.failed)
              & " of " & $states.input.counts.images & " images need attention"
            """
        ),
        text=expression(
            f"""
            (
              {_LISTING}
              $text & "\\nAll results are in " & {where} & "\\n"
            )
            """
        ),
        about=_THIS_EXECUTION,
    )


def shorter_for_phones(message: str) -> str:
    """Return JSONata for the text by protocol: SNS's message structure "json"."""
    text = message.removeprefix("{%").removesuffix("%}")
    return expression(
        f"""
        (
          $message := {text};
          $string({{"default": $message, "sms": $substring($message, 0, {MAX_SMS})}})
        )
        """
    )


# --- events: $states.input is the detail; members that do not apply are null ----------------------

_END_OF_EXECUTION = """
    $lookup(
      {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "was stopped"},
      "" & $states.input.status
    )
"""


def of_death(environment: str) -> Message:
    """Return the message on an execution that ended before its notification step."""
    return Message(
        subject=expression(f'"Scones {environment}: an execution " & {_END_OF_EXECUTION}'),
        text=expression(
            f"""
            (
              {SHOWN_TEXT}
              $input := $states.input;
              $cause := $type($input.cause) = "string" ? {readable("$input.cause")};
              $told := $shownLines($join([$input.error, $cause][$type($) = "string"], "\\n"));
              "An execution " & {_END_OF_EXECUTION} & " before it could report on its images.\\n"
                & ($told ? "\\n" & $substring($told, 0, {MAX_CAUSE}) & "\\n" : "")
                & "\\nIts history shows where it ended\\n" & $input.executionArn & "\\n"
            )
            """
        ),
        about="$states.input.executionArn",
    )


def of_alarm(environment: str) -> Message:
    """Return the message on an alarm that fires."""
    return Message(
        # Without the alarm's name, which may be longer than a subject.
        subject=f"Scones {environment}: alarm",
        text=expression(
            """
            (
              $input := $states.input;
              $description := $input.configuration.description;
              $input.alarmName & "\\n"
                & ($type($description) = "string" ? $description & "\\n" : "")
                & "\\n" & $input.state.reason & "\\n"
            )
            """
        ),
        about='$states.input.alarmName & " " & $states.input.state.timestamp',
    )
