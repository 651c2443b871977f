"""JSONata of the batch transform: its event, its job, and what SageMaker said of it."""

from stacks.constructs.common.error_cause import readable, text_member
from stacks.constructs.common.expression import expression
from stacks.constructs.workflow.workflow_expressions import message

# Prefixes in the data bucket: of manifests, and of what becomes of each.
INPUT = "batch/input"
OUTPUT = "batch/output"


def read_event(name_prefix: str) -> str:
    """Makes `{"bucket", "key", "job", "output"}` of the detail of S3's event.

    The job's name comes from what was written, and when: an event that is delivered twice finds
    the name taken, and its job is not paid for twice.
    """
    return expression(
        f"""
        (
          $object := $states.input.object;
          $written := $states.input.bucket.name & "/" & $object.key & " " & $object.sequencer;
          $job := "{name_prefix}-" & $substring($hash($written, "SHA-256"), 0, 32);
          {{
            "bucket": $states.input.bucket.name,
            "key": $object.key,
            "job": $job,
            "output": "{OUTPUT}/" & $job
          }}
        )
        """
    )


# The console makes objects like these for folders.
IS_FOLDER = expression('$substring("" & $states.input.key, -1) = "/"')

WITH_CHECKED = expression("$merge([$states.input, $states.result.Payload])")
WITH_MODEL = expression('$merge([$states.input, {"model": $states.result.Parameter.Value}])')

INVALID_MANIFEST = expression(f'{{"cause": {readable("$states.errorOutput.Cause")}}}')
CAUSE = "{% $states.input.cause %}"
ERROR = "{% $states.input.error %}"

ANY_USABLE = "{% $states.input.usable > 0 %}"

JOB = "{% $states.input.job %}"
MODEL = "{% $states.input.model %}"
MANIFEST = expression(
    '"s3://" & $states.input.bucket & "/" & $states.input.output & "/manifest.json"'
)
RAW_OUTPUT = expression('"s3://" & $states.input.bucket & "/" & $states.input.output & "/raw"')
AS_BEFORE = "{% $states.input %}"


def why_it_failed(max_runtime_minutes: int) -> str:
    """`$run` with `failure`, why a job that ran did not complete; or with `error` and `cause`.

    Of the error that was caught. Its Cause is the job's description, as JSON text, if there was a
    job.
    """
    return expression(
        f"""
        (
          $caught := $states.input;
          $status := {text_member("TransformJobStatus", of="$caught.Cause")};
          $reason := {text_member("FailureReason", of="$caught.Cause")};
          $merge([$run, $caught.Error = "States.Timeout"
            ? {{"failure": "stopped after {max_runtime_minutes} minutes, "
                & "batch_transform.max_runtime_minutes"}}
          : $exists($status)
            ? {{"failure": $status & ($exists($reason) ? ": " & $reason : "")}}
          : {{"error": $caught.Error, "cause": {readable("$caught.Cause")}}}])
        )
        """
    )


JOB_RAN = "{% $exists($states.input.failure) %}"

MESSAGE = message("$states.input.location")
