"""JSONata of what a state machine says of its results, and of the notices of events."""

from stacks.constructs.common.error_cause import readable
from stacks.constructs.common.expression import expression
from stacks.constructs.common.shown_text import DEFINITIONS as SHOWN_TEXT

# Pictures named in the notification, of each kind.
MAX_NAMED = 20

# Characters of the list of pictures. Step Functions takes 32,768 as a cause. SNS takes 262,144
# bytes as a message, and a character may be 12 bytes of JSON.
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html
MAX_TEXT = 20_000
# Characters of a cause that a notice repeats.
MAX_CAUSE = 2000

# SNS sends no more than 1,600 bytes to a phone, which may be two a character, and bills each 140.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_SMS = 600

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
      & $listing("Rejected, to be looked at by a person:", "rejected",
          function($one) {{ $one.body.reason }})
      & $listing("Failed:", "failed",
          function($one) {{ $one.error & ": " & $one.cause }});
    $text := $length($whole) <= {MAX_TEXT} ? $whole
      : $substring($whole, 0, {MAX_TEXT}) & " ...\\n\\nThe rest does not fit.\\n";
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

# An execution that fails has no output.
MESSAGE_BEFORE_FAILURE = message('"the history of the execution\\n" & $states.context.Execution.Id')

MESSAGE_FOR_CAUSE = expression(f"( {_LISTING} $text )")


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
      "" & $states.input.status
    )
"""

DEAD_EXECUTION_MESSAGE = expression(
    f"""
    (
      {SHOWN_TEXT}
      $input := $states.input;
      $cause := $type($input.cause) = "string" ? {readable("$input.cause")};
      $told := $shownLines($join([$input.error, $cause][$type($) = "string"], "\\n"));
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
