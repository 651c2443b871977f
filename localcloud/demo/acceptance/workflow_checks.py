"""Assumptions about the workflow, its notices and its captures."""

import json
from collections import Counter
from typing import Any

from analysis import read
from analysis.files import lines
from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import (
    Context,
    captured,
    classified,
    dataset,
    endpoint,
    outcome,
)
from operations.aws import session

ENCODING = "BASE64 application/x-image, JSON application/json"


@check(
    expected="SUCCEEDED; one result for each picture, in their order, none failed",
    section="",
    of_execution=True,
)
def verdicts(context: Context) -> Finding:
    """The workflow returns a verdict for each validation picture."""
    output, _ = classified(context)
    counts = output["counts"]
    keys = [result["body"].get("s3_key") for result in output["results"]]
    seen = ", ".join(f"{name} {number}" for name, number in counts.items())
    in_order = keys == list(dataset(context).ground_truth)
    return confirmed_if(in_order and not counts["failed"], seen)


@check(expected="one message with the execution's counts", section="Notifications")
def notice_in_a_queue(context: Context) -> Finding:
    """The topic sends one notice about an execution to an SQS queue whose policy allows it."""
    output, notices = classified(context)
    counts = output["counts"]
    if counts["accepted"] == counts["images"]:
        return Finding(Verdict.NOT_SHOWN, "all pictures were accepted: nothing is sent")
    seen = "; ".join(str(each.get("Subject")) for each in notices) or "no message"
    return confirmed_if(len(notices) == 1, seen)


@check(expected="one record for each classified picture, all at such keys", section="")
def capture_layout(context: Context) -> Finding:
    """Every call is captured, below ENDPOINT/VARIANT/yyyy/mm/dd/hh/ in .jsonl files."""
    result, records, deployed = outcome(context), captured(context), endpoint(context)
    place = deployed["EndpointName"], deployed["ProductionVariants"][0]["VariantName"]
    location = context.output("Inference", "CaptureUri")
    found = list(read(location, s3_client=session().client("s3")))
    elsewhere = sorted({each.file for each in found if (each.endpoint, each.variant) != place})
    expected = result.images - result.errors
    example = (elsewhere or [each.file for each in found] or ["none"])[0]
    seen = f"{records} records of {expected}; such as {example.removeprefix(location)}"
    return confirmed_if(records == expected and not elsewhere, seen)


@check(expected=ENCODING, section="")
def capture_encoding(context: Context) -> Finding:
    """Captured pictures are BASE64 of application/x-image, captured replies are JSON."""
    captured(context)
    location = context.output("Inference", "CaptureUri")
    found: Counter[str] = Counter()
    skipped: list[Any] = []
    for _, _, line in lines(location, on_skip=skipped.append, s3_client=session().client("s3")):
        data = json.loads(line)["captureData"]
        sides = (data.get("endpointInput", {}), data.get("endpointOutput", {}))
        found[
            ", ".join(f"{each.get('encoding')} {each.get('observedContentType')}" for each in sides)
        ] += 1
    seen = "; ".join(f"{encodings}: {count}" for encodings, count in found.items())
    return confirmed_if(set(found) == {ENCODING}, seen)
