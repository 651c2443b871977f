"""JSONata of the batch transform: its event, and the state of its job."""

from stacks.constructs.batch.bulk_expressions import MAX_QUOTE
from stacks.constructs.common.jsonata import SHOWN_TEXT, expression, readable
from stacks.s3_layout import BATCH_INPUT, BATCH_OUTPUT

INPUT, OUTPUT = BATCH_INPUT.path, BATCH_OUTPUT.path


def read_event(name_prefix: str, data_bucket: str) -> str:
    """Return the input of check_manifest for S3's event, or `{"problem"}`.

    The job's name follows from the object and its sequencer: an event that is delivered twice has
    the same one. An execution that is started by hand may leave `sequencer` and `etag` out.
    """
    return expression(
        f"""
        (
          {SHOWN_TEXT}
          $quote := function($given) {{ $shown($substring($string($given), 0, {MAX_QUOTE})) }};
          $input := $type($states.input) = "object" ? $states.input : {{}};
          $bucket := $input.bucket.name;
          $key := $input.object.key;
          $sequencer := $exists($input.object.sequencer)
            ? $input.object.sequencer : $states.context.Execution.Name;
          $isEvent := $type($bucket) = "string" and $type($key) = "string"
            and $type($sequencer) = "string";
          $uri := $isEvent ? "s3://" & $bucket & "/" & $key : "";
          $manifests := "s3://{data_bucket}/{INPUT}/";
          $job := "{name_prefix}-" & $substring(
            $hash(($isEvent ? $bucket & "/" & $key & " " & $sequencer : ""), "SHA-256"), 0, 32
          );
          $isEvent != true
            ? {{"problem": "the input is " & $quote($states.input)
                & '; expected the S3 event of a manifest, {{"bucket": {{"name": "{data_bucket}"}}, '
                & '"object": {{"key": "{INPUT}/....json"}}}}. Putting a manifest below '
                & $manifests & " starts an execution"}}
          : $substring($uri, 0, $length($manifests)) != $manifests
            ? {{"problem": $quote($uri) & " is not below " & $manifests
                & ", where manifests must be"}}
          : {{
              "bucket": $bucket,
              "key": $key,
              "etag": $input.object.etag[$type($) = "string"],
              "job": $job,
              "output": "{OUTPUT}/" & $job,
              "execution": $states.context.Execution.Id
            }}
        )
        """
    )


HAS_PROBLEM = "{% $exists($states.input.problem) %}"

# The console creates such objects for folders.
IS_FOLDER = expression('$substring("" & $states.input.key, -1) = "/"')

WITH_CHECKED = expression("$merge([$states.input, $states.result.Payload])")
WITH_MODEL = expression('$merge([$states.input, {"model": $states.result.Parameter.Value}])')

INVALID_MANIFEST = expression(f'{{"cause": {readable("$states.errorOutput.Cause")}}}')
CAUSE = "{% $states.input.cause %}"

IS_DUPLICATE = "{% $exists($states.input.duplicate_of) %}"
ANY_USABLE = "{% $states.input.usable > 0 %}"

JOB = "{% $states.input.job %}"
MODEL = "{% $states.input.model %}"
MANIFEST = expression(
    '"s3://" & $states.input.bucket & "/" & $states.input.output & "/manifest.json"'
)
RAW_OUTPUT = expression('"s3://" & $states.input.bucket & "/" & $states.input.output & "/raw"')
AS_BEFORE = "{% $states.input %}"


# --- a job whose state did not end with a completed job ------------------------------------------

# Errors of the state after which the job certainly exists.
_THERE_IS_A_JOB = ("States.TaskFailed", "States.Timeout", "SageMaker.ResourceInUseException")

_NOW = "$toMillis($states.context.State.EnteredTime)"


def caught(longest_minutes: int) -> dict[str, str]:
    """Return the variables of the error: what it was, whether a job exists, when to stop it.

    A job whose start the state missed, because the response was lost, ends at the latest
    `longest_minutes` after the state was entered.
    """
    return {
        "errorName": "{% $states.errorOutput.Error %}",
        "errorCause": expression(readable("$states.errorOutput.Cause")),
        "isThere": expression(f"$states.errorOutput.Error in {list(_THERE_IS_A_JOB)!r}"),
        "stopAt": expression(
            f"""
            {_NOW} + ($states.errorOutput.Error = "States.Timeout" ? 0 : {longest_minutes * 60_000})
            """
        ),
    }


OF_RUN = "{% $run.job %}"
SEEN = {"isThere": "{% true %}"}
IS_THERE = "{% $isThere %}"
ERROR_OF_STATE, CAUSE_OF_STATE = "{% $errorName %}", "{% $errorCause %}"


def described(max_runtime_minutes: int) -> str:
    """Return JSONata for the run with `status`, and with `failure` if the job failed."""
    return expression(
        f"""
        (
          $job := $states.result;
          $status := $job.TransformJobStatus;
          $merge([$run, {{"status": $status}},
            $status = "Stopped" and {_NOW} >= $stopAt
              ? {{"failure": "stopped after {max_runtime_minutes} minutes, "
                  & "batch_transform.max_runtime_minutes"}}
            : $status in ["Failed", "Stopped"]
              ? {{"failure": $status
                  & ($exists($job.FailureReason) ? ": " & $job.FailureReason : "")}}
            : {{}}
          ])
        )
        """
    )


HAS_ENDED = '{% $states.input.status in ["Completed", "Failed", "Stopped"] %}'
IS_OVERDUE = f'{{% $states.input.status = "InProgress" and {_NOW} >= $stopAt %}}'

LOCATION = "$states.input.location"
