"""What is assumed of the paths for many pictures: Distributed Map, and batch transform."""

import json

from botocore.config import Config

from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import Context, NotReachedError, read_text
from operations.aws import session
from settings.s3_uris import S3Uri

BULK, MAP, TRANSFORM = "Bulk classification", "Distributed Map", "Batch transform"
TRANSFORM_LOGS = "/aws/sagemaker/TransformJobs"


@check(
    "Bulk classification gives every picture one line; the ItemSelector sees the index of an item, "
    "and BatchInput takes JSONata",
    expected="one line for each validation picture, with indexes in their order",
    section=BULK,
    of_execution=True,
)
def bulk_lines(context: Context) -> Finding:
    """Run it over the validation pictures."""
    _, summary, lines = context.bulk()
    pictures = sorted(context.dataset().truth)
    seen = ", ".join(f"{name} {number}" for name, number in summary.counts.items())
    right = [line["index"] for line in lines] == list(range(len(pictures)))
    same = [line["key"] for line in lines] == pictures
    return confirmed_if(right and same and not summary.counts["failed"], seen)


@check(
    "The ResultWriter writes a manifest, and the results of each status as JSON Lines",
    expected="manifest.json names files .jsonl, which have one line for each child",
    section=MAP,
)
def result_writer(context: Context) -> Finding:
    """Read what it wrote beside the lines."""
    run, _, lines = context.bulk()
    uri = S3Uri.parse(run.results)
    bucket, folder = uri.bucket, uri.key
    pages = session().client("s3").get_paginator("list_objects_v2")
    keys = [
        each["Key"]
        for each in pages.paginate(Bucket=bucket, Prefix=f"{folder}/map/").search("Contents[]")
        if each
    ]
    manifests = [key for key in keys if key.endswith("/manifest.json")]
    if len(manifests) != 1:
        return confirmed_if(False, f"manifests: {len(manifests)} of {len(keys)} objects")
    files = json.loads(read_text(f"s3://{bucket}/{manifests[0]}"))["ResultFiles"]
    results = {status: [each["Key"] for each in named] for status, named in files.items()}
    named = [key for status in results.values() for key in status]
    children = [
        json.loads(line)
        for key in results.get("SUCCEEDED", ())
        for line in read_text(f"s3://{bucket}/{key}").splitlines()
    ]
    size = context.application.settings.bulk.batch_size
    batches = -(-len(lines) // size)
    seen = f"{', '.join(key.rpartition('/')[2] for key in named)}; children: {len(children)}"
    right = bool(named) and all(key.endswith(".jsonl") for key in named)
    return confirmed_if(right and len(children) == batches, f"{seen} of {batches}")


# --- batch transform -----------------------------------------------------------------------------


@check(
    "A manifest starts a transform job with the model's role, and Step Functions learns of its end",
    expected="SUCCEEDED; the job is Completed; no picture failed",
    section=TRANSFORM,
    of_execution=True,
)
def transform_completes(context: Context) -> Finding:
    """Look what became of the manifest of good pictures."""
    output, job = context.transformed("good")
    counts = output["counts"]
    expected = len(context.transforms()["good"].keys)
    seen = f"{job['TransformJobStatus']}; {', '.join(f'{k} {v}' for k, v in counts.items())}"
    complete = job["TransformJobStatus"] == "Completed" and counts["images"] == expected
    return confirmed_if(complete and not counts["failed"], seen)


@check(
    "An output of a transform job is named by the key without the manifest's prefix, and .out",
    expected="one KEY.out for each picture, below the output path",
    section=TRANSFORM,
)
def transform_output_names(context: Context) -> Finding:
    """Compare what the job wrote with the keys of its manifest."""
    output, _ = context.transformed("good")
    transform = context.transforms()["good"]
    found = transform.raw_outputs(output)
    others = sorted(set(found) - {f"{key}.out" for key in transform.keys})
    example = (others or found or ["none"])[0]
    seen = f"{len(found)} outputs; others: {len(others)}; such as {example}"
    return confirmed_if(found == sorted(f"{key}.out" for key in transform.keys), seen)


@check(
    "A picture that cannot be decoded fails its transform job once the others are done: they have "
    "outputs, it has none, and Step Functions' cause is the job's description",
    expected="Failed; an output for each good picture; one failed picture in the predictions",
    section=TRANSFORM,
    of_execution=True,
)
def transform_with_a_bad_picture(context: Context) -> Finding:
    """Look what became of the manifest with such a picture in it."""
    output, job = context.transformed("spoiled")
    transform = context.transforms()["spoiled"]
    bad = context.undecodable_key()
    outputs = transform.raw_outputs(output)
    good = sorted(f"{key}.out" for key in transform.keys if key != bad)
    seen = (
        f"{job['TransformJobStatus']}: {job.get('FailureReason', '')}; {len(outputs)} outputs of "
        f"{len(good)}; failed pictures: {output['counts']['failed']}"
    )
    failed = job["TransformJobStatus"] == "Failed" and output["counts"]["failed"] == 1
    return confirmed_if(failed and outputs == good, seen)


@check(
    f"The reason why a picture failed its transform job is in {TRANSFORM_LOGS}",
    expected="log events of the job; FailureReason refers to the logs",
    section=TRANSFORM,
    aws_only=True,
)
def transform_log(context: Context) -> Finding:
    """Read the job's log."""
    _, job = context.transformed("spoiled")
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


@check(
    "A transform job has the tags that its state machine gives it (sagemaker:AddTags, ListTags)",
    expected="ListTags returns the tags of the settings",
    section="Tags",
)
def transform_tags(context: Context) -> Finding:
    """Ask the job for its tags."""
    _, job = context.transformed("good")
    answer = session().client("sagemaker").list_tags(ResourceArn=job["TransformJobArn"])
    found = {each["Key"]: each["Value"] for each in answer["Tags"]}
    lacking = context.application.settings.tags_by_key.items() - found.items()
    names = ", ".join(key for key, _ in sorted(lacking))
    return confirmed_if(not lacking, f"lacking: {names}" if lacking else "all are there")


# --- drift ---------------------------------------------------------------------------------------


@check(
    "The drift detector reads the captures and publishes its metrics",
    expected="an answer without an error; records were read",
    section="Operations",
)
def drift_run(context: Context) -> Finding:
    """Run its function once."""
    context.captured()
    settings = context.application.settings
    if not settings.detects_drift:
        return Finding(Verdict.NOT_REACHED, "there is no drift detector in these settings")
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
        return Finding(Verdict.NOT_SHOWN, f"{text}: a scheduled run was there before")
    return Finding(Verdict.CONFIRMED, text)
