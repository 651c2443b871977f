"""Assumptions about the paths for many pictures, and about the drift detector."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import (
    JOB_SECONDS,
    Context,
    NotReachedError,
    captured,
    dataset,
    keys_below,
    once,
    read_text,
    undecodable_key,
)
from localcloud.demo.acceptance.training_checks import stacks_job
from localcloud.demo.workflow import ended_transform, put_manifest
from operations.aws import ExecutionFailedError, failure_of, session
from operations.bulk import Run, Summary, follow, start
from settings.s3_uris import S3Uri

TRANSFORM = "Batch transform"
TRANSFORM_LOGS = "/aws/sagemaker/TransformJobs"


@check(
    expected="one line for each validation picture, with indexes in their order",
    section="Bulk classification",
    of_execution=True,
)
def bulk_lines(context: Context) -> Finding:
    """Bulk classification writes one line per picture; the ItemSelector sees the index of an
    item, and BatchInput takes JSONata.
    """
    _, summary, lines = bulk(context)
    pictures = sorted(dataset(context).ground_truth)
    seen = ", ".join(f"{name} {number}" for name, number in summary.counts.items())
    right = [line["index"] for line in lines] == list(range(len(pictures)))
    same = [line["key"] for line in lines] == pictures
    return confirmed_if(right and same and not summary.counts["failed"], seen)


@check(
    expected="manifest.json names .jsonl files, which have one line for each child",
    section="Distributed Map",
)
def result_writer(context: Context) -> Finding:
    """The ResultWriter writes a manifest, and the results of each status as JSON Lines."""
    run, _, lines = bulk(context)
    uri = S3Uri.parse(run.results)
    keys = keys_below(uri.bucket, f"{uri.key}/map/")
    manifests = [key for key in keys if key.endswith("/manifest.json")]
    if len(manifests) != 1:
        return confirmed_if(False, f"manifests: {len(manifests)} of {len(keys)} objects")
    files = json.loads(read_text(f"{run.results}/map/{manifests[0]}"))["ResultFiles"]
    named = [each["Key"] for of_status in files.values() for each in of_status]
    children = [
        line
        for each in files.get("SUCCEEDED", ())
        for line in read_text(f"s3://{uri.bucket}/{each['Key']}").splitlines()
    ]
    batches = -(-len(lines) // context.application.settings.bulk.batch_size)
    seen = f"{', '.join(key.rpartition('/')[2] for key in named)}; children: {len(children)}"
    right = bool(named) and all(key.endswith(".jsonl") for key in named)
    return confirmed_if(right and len(children) == batches, f"{seen} of {batches}")


@check(
    expected="SUCCEEDED; the job is Completed; no picture failed",
    section=TRANSFORM,
    of_execution=True,
)
def transform_completes(context: Context) -> Finding:
    """A manifest starts a transform job with the model's role, and Step Functions learns of its
    end.
    """
    transform = transformed(context, "good")
    status, counts = transform.job["TransformJobStatus"], transform.counts
    seen = f"{status}; {', '.join(f'{name} {number}' for name, number in counts.items())}"
    complete = status == "Completed" and counts["images"] == len(transform.keys)
    return confirmed_if(complete and not counts["failed"], seen)


@check(expected="one KEY.out for each picture, below the output path", section=TRANSFORM)
def transform_output_names(context: Context) -> Finding:
    """An output of a transform job is named by the key without the manifest's prefix, and .out."""
    transform = transformed(context, "good")
    expected = sorted(f"{key}.out" for key in transform.keys)
    others = sorted(set(transform.outputs) - set(expected))
    example = (others or transform.outputs or ["none"])[0]
    seen = f"{len(transform.outputs)} outputs; others: {len(others)}; such as {example}"
    return confirmed_if(transform.outputs == expected, seen)


@check(
    expected="Failed; an output for each good picture; one failed picture in the predictions",
    section=TRANSFORM,
    of_execution=True,
)
def transform_with_a_bad_picture(context: Context) -> Finding:
    """A picture that cannot be decoded fails its transform job once the others are done: they
    have outputs, it has none, and Step Functions' cause is the job's description.
    """
    transform, bad = transformed(context, "spoiled"), undecodable_key(context)
    good = sorted(f"{key}.out" for key in transform.keys if key != bad)
    status, failed = transform.job["TransformJobStatus"], transform.counts["failed"]
    seen = (
        f"{status}: {transform.job.get('FailureReason', '')}; {len(transform.outputs)} outputs of "
        f"{len(good)}; failed pictures: {failed}"
    )
    return confirmed_if(status == "Failed" and failed == 1 and transform.outputs == good, seen)


@check(
    expected="log events of the job; FailureReason refers to the logs",
    section=TRANSFORM,
    aws_only=True,
)
def transform_log(context: Context) -> Finding:
    """The reason why a picture failed its transform job is in /aws/sagemaker/TransformJobs."""
    job = transformed(context, "spoiled").job
    events = (
        session()
        .client("logs")
        .filter_log_events(
            logGroupName=TRANSFORM_LOGS, logStreamNamePrefix=job["TransformJobName"], limit=50
        )["events"]
    )
    reason = job.get("FailureReason", "")
    return confirmed_if(
        bool(events) and "log" in reason.lower(), f"{len(events)} events or more; {reason}"
    )


@check(expected="ListTags returns all of them", section="Tags")
def tags(context: Context) -> Finding:
    """Model, configuration, endpoint, training job and transform job have the tags of the
    settings.
    """
    client = session().client("sagemaker")
    deployed = client.describe_endpoint(EndpointName=context.output("Inference", "EndpointName"))
    config = client.describe_endpoint_config(EndpointConfigName=deployed["EndpointConfigName"])
    model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    lacking = []
    for kind, arn in (
        ("the endpoint", deployed["EndpointArn"]),
        ("the endpoint configuration", config["EndpointConfigArn"]),
        ("the model", model["ModelArn"]),
        ("the training job", stacks_job(context)["TrainingJobArn"]),
        ("the transform job", transformed(context, "good").job["TransformJobArn"]),
    ):
        found = {each["Key"]: each["Value"] for each in client.list_tags(ResourceArn=arn)["Tags"]}
        missing = context.application.settings.tags_by_key.items() - found.items()
        lacking += [f"{kind} lacks {key}={value}" for key, value in missing]
    return confirmed_if(not lacking, "; ".join(lacking) or "all have them")


@check(expected="an answer without an error; records were read", section="Operations")
def drift_run(context: Context) -> Finding:
    """The drift detector reads the captures and publishes its metrics."""
    captured(context)
    settings = context.application.settings
    if not settings.detects_drift:
        raise NotReachedError("there is no drift detector in these settings")
    functions = [
        physical
        for stack, logical, physical in context.resources("AWS::Lambda::Function")
        if stack == settings.stack_name("Monitoring") and logical.startswith("DriftDetector")
    ]
    if len(functions) != 1:
        raise NotReachedError(f"functions of the drift detector: {functions}")
    # It may wait and read for minutes, and must not be called twice.
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    reply = session().client("lambda", config=patient).invoke(FunctionName=functions[0])
    text = reply["Payload"].read().decode()
    answer = json.loads(text)
    if "FunctionError" in reply or "records" not in answer:
        return Finding(Verdict.REFUTED, text[:500])
    if not answer["records"]:
        return Finding(Verdict.NOT_SHOWN, f"{text}: a scheduled run has read them before")
    return Finding(Verdict.CONFIRMED, text)


@once
def bulk(context: Context) -> tuple[Run, Summary, list[dict[str, Any]]]:
    """Run bulk classification over the validation pictures; return its lines as well."""
    context.require_deployed()
    prefix = next(iter(dataset(context).ground_truth)).rpartition("/")[0]
    bucket = context.output("Storage", "DataBucketName")
    with context.application.steps.step("bulk classification") as say:
        run = start(context.application.settings, {"prefix": f"s3://{bucket}/{prefix}/"})
        summary = follow(run, lambda done, total: say(f"{done} of {total}"))
    return run, summary, [json.loads(line) for line in read_text(summary.location).splitlines()]


@dataclass(frozen=True)
class Transform:
    """A batch transform that has ended."""

    keys: tuple[str, ...]
    """Pictures of its manifest."""
    job: dict[str, Any]
    """Description of the transform job."""
    counts: dict[str, int]
    outputs: list[str]
    """What SageMaker wrote, as keys below the job's output path."""


@once
def manifests(context: Context) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Start two transforms, of good pictures and with one without pixels among them.

    Return the key of each manifest and the pictures in it.
    """
    context.require_deployed()
    good = tuple(dataset(context).ground_truth)[:20]
    return {
        name: (put_manifest(context.application, name, keys), keys)
        for name, keys in (("good", good), ("spoiled", (*good, undecodable_key(context))))
    }


@once
def transformed(context: Context, name: str) -> Transform:
    """Wait for one of the two transforms; raise ExecutionFailedError unless it succeeds."""
    manifest, keys = manifests(context)[name]
    machine = context.output("Batch", "BatchTransformStateMachineArn")
    execution = context.wait_for(
        f"the transform job ({name})",
        lambda: ended_transform(machine, manifest),
        aws=JOB_SECONDS,
        local=60,
    )
    if execution is None:
        raise NotReachedError(f"no execution of {manifest} ended in time")
    if execution["status"] != "SUCCEEDED":
        raise ExecutionFailedError(failure_of(execution))
    output = json.loads(execution["output"])
    results = S3Uri.parse(output["location"].rpartition("/")[0])
    job = (
        session()
        .client("sagemaker")
        .describe_transform_job(TransformJobName=results.key.rpartition("/")[2])
    )
    outputs = keys_below(results.bucket, f"{results.key}/raw/")
    return Transform(keys, dict(job), output["counts"], outputs)
