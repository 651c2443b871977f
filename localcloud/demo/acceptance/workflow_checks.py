"""What is assumed of the workflow, its notices, its captures and its log."""

import json
from collections import Counter
from typing import Any

from analysis import read
from analysis.files import lines
from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if, first_of
from localcloud.demo.acceptance.context import Context
from operations.aws import session

OPERATIONS, NOTIFICATIONS = "Operations", "Notifications"


@check(
    "The workflow gives each validation picture its verdict",
    expected="SUCCEEDED; one result for each picture, in their order, none failed",
    section="",
    of_execution=True,
)
def verdicts(context: Context) -> Finding:
    """Run all of them through it."""
    output, _ = context.classified()
    counts = output["counts"]
    keys = [result["body"].get("s3_key") for result in output["results"]]
    seen = ", ".join(f"{name} {number}" for name, number in counts.items())
    in_order = keys == list(context.dataset().truth)
    return confirmed_if(in_order and not counts["failed"], seen)


@check(
    "The topic sends one notice about an execution to an SQS queue whose policy lets it",
    expected="one message with the execution's counts",
    section=NOTIFICATIONS,
)
def notice_in_a_queue(context: Context) -> Finding:
    """Look what a queue received during the execution."""
    output, notices = context.classified()
    counts = output["counts"]
    if counts["accepted"] == counts["images"]:
        return Finding(Verdict.NOT_SHOWN, "all pictures were accepted: nothing is sent")
    seen = "; ".join(str(each.get("Subject")) for each in notices) or "no message"
    return confirmed_if(len(notices) == 1, seen)


# --- captures --------------------------------------------------------------------------------


@check(
    "Every call is captured, below ENDPOINT/VARIANT/yyyy/mm/dd/hh/ as files .jsonl",
    expected="one record for each classified picture, all at such keys",
    section="",
)
def capture_layout(context: Context) -> Finding:
    """Read the captures of the execution."""
    outcome, records = context.outcome(), context.captured()
    endpoint = context.endpoint()
    place = endpoint["EndpointName"], endpoint["ProductionVariants"][0]["VariantName"]
    location = context.output("Inference", "CaptureUri")
    found = list(read(location, s3_client=session().client("s3")))
    elsewhere = sorted({each.file for each in found if (each.endpoint, each.variant) != place})
    expected = outcome.images - outcome.errors
    example = (elsewhere or [each.file for each in found] or ["none"])[0]
    seen = f"{records} records of {expected}; such as {example.removeprefix(location)}"
    return confirmed_if(records == expected and not elsewhere, seen)


@check(
    "Captured pictures are BASE64 of application/x-image, captured replies are JSON",
    expected="BASE64 application/x-image, JSON application/json",
    section="",
)
def capture_encoding(context: Context) -> Finding:
    """Look at the encodings as they are written."""
    context.captured()
    location = context.output("Inference", "CaptureUri")
    found: Counter[str] = Counter()
    skipped: list[Any] = []
    for _, _, line in lines(location, on_skip=skipped.append, s3_client=session().client("s3")):
        data = json.loads(line)["captureData"]
        sides = (data.get("endpointInput", {}), data.get("endpointOutput", {}))
        found[
            ", ".join(f"{each.get('encoding')} {each.get('observedContentType')}" for each in sides)
        ] += 1
    seen = "; ".join(f"{words}: {count}" for words, count in found.items())
    return confirmed_if(set(found) == {"BASE64 application/x-image, JSON application/json"}, seen)


# --- log and metric filter -------------------------------------------------------------------


@check(
    "The logs behind the metric filters have the fields that these count by",
    expected="one event for each picture of the executions, with the filter's dimensions",
    section=OPERATIONS,
    aws_only=True,
)
def log_fields(context: Context) -> Finding:
    """Search the logs with the deployed filters' patterns, and test these on what is found."""
    expected = context.pictures_in_executions()
    found = context.counted_lines()
    lacking = {each for filtered in found for each in filtered.lacking()}
    events = sum(len(filtered.messages) for filtered in found)
    logs = ", ".join(f"{len(each.messages)} in {each.log_group}" for each in found)
    seen = f"{events} events of {expected}: {logs}; lacking: {first_of(lacking)}"
    return confirmed_if(events == expected and not lacking, seen)
