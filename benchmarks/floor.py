"""What the calls of one picture take of the emulator by themselves: the limit of any workflow here.

Three calls of a function, one of S3 and one of the endpoint are what the workflow is made of. The
emulator serves them in one Python process, which runs on one core at a time.
"""

import time
from collections.abc import Callable
from typing import Any

from account import session
from benchmarks.cloud import Cloud, execute
from benchmarks.comparator import workflow as comparator
from benchmarks.machine import processor_seconds
from benchmarks.ways import ExecutionFailedError

CALLS = 400
"""Of each kind: the clock of a process's processor time ticks in hundredths of a second."""
SETTLE_SECONDS = 1.0
"""Until the emulator has done what it does afterwards, such as writing captures."""


def emulator_ms(cloud: Cloud, *, group: int) -> dict[str, float]:
    """Milliseconds of the emulator's processor time for a picture's calls, by kind of call.

    The functions are called by the plainest state machine there is, and do the least.
    """
    (image,) = cloud.images(1)
    bucket, key = image["s3_bucket"], image["s3_key"]
    s3, runtime = session().client("s3"), session().client("sagemaker-runtime")

    def get_object() -> bytes:
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def invoke_endpoint() -> bytes:
        response = runtime.invoke_endpoint(
            EndpointName=cloud.settings.endpoint_name, ContentType="image/png", Body=picture
        )
        probabilities: bytes = response["Body"].read()
        return probabilities

    picture = get_object()
    machine = plainest_machine(cloud.functions()["Filter"])
    classes = len(cloud.settings.dataset.classes)
    event = {**image, "inferences": [1.0, *[0.0] * (classes - 1)]}
    with comparator.state_machine(session(), machine) as arn:
        return {
            "GetObject": _each(lambda: _repeat(get_object), group),
            "InvokeEndpoint": _each(lambda: _repeat(invoke_endpoint), group),
            "three functions": _each(lambda: _run(arn, [event] * CALLS), group),
        }


def plainest_machine(function: str) -> dict[str, Any]:
    """A Map of three calls of one function, each with the item itself."""
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "ResultPath": None,
    }
    states = {"First": {**call, "Next": "Second"}, "Second": {**call, "Next": "Third"}}
    processor = {"StartAt": "First", "States": {**states, "Third": {**call, "End": True}}}
    each = {"Type": "Map", "MaxConcurrency": 40, "ItemProcessor": processor, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}


def _repeat(call: Callable[[], object]) -> None:
    for _ in range(CALLS):
        call()


def _run(arn: str, items: list[dict[str, Any]]) -> None:
    execution = execute(arn, items)
    if execution.status != "SUCCEEDED":
        raise ExecutionFailedError(f"{arn} is {execution.status}: {execution.cause}")


def _each(work: Callable[[], None], group: int) -> float:
    work()  # warm
    time.sleep(SETTLE_SECONDS)
    before, _ = processor_seconds(group)
    work()
    time.sleep(SETTLE_SECONDS)
    after, _ = processor_seconds(group)
    return 1000 * (after - before) / CALLS
