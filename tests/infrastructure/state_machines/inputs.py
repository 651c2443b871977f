"""The table: what executions start with, and how each task can end, on AWS.

A state machine or a task that is not in it fails the tests: say here what it can meet.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.constructs.common.picture_results import STATUS_OF_ERROR
from tests.infrastructure.state_machines.definitions import DATA_BUCKET, RESULTS_BUCKET

Json = Any
Ends = tuple[list[Json], list[Json]]  # results, and errors as $states.errorOutput has them

ARN = "arn:aws:{}:us-east-1:111122223333:{}"
EXECUTION = ARN.format("states", "execution:Scones:3f1d6e0c-0000-0000-0000-000000000000")

# The names of every object in JavaScript, which a look-up in an object finds.
NAMES_OF_JAVASCRIPT = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"]

# Text that is unusual, and allowed in an object's key, an error and its cause.
UNUSUAL_TEXTS = [
    "",
    " ",
    "ü/日本語/🚲.png",
    "e\u0301 \u200b\u202e",
    "a'b\"c\\d%20+&=;$(x)`{%1%}",
    "line\nfeed\r\n\ttab",
    "\u0000\u0001\u001f\u007f\u0085\u2028\u2029",
    "x" * 1024,
    "🚲" * 300,
]

VERY_LONG = "x" * 100_000

# --- errors --------------------------------------------------------------------------------------


def function_error(name: str, message: Json = "message", **more: Json) -> Json:
    """Return the error of a function that raised."""
    cause = {"errorMessage": message, "errorType": name, "requestId": "3f1d6e0c", "stackTrace": []}
    return {"Error": name, "Cause": json.dumps(cause | more)}


def text_error(name: str, cause: str) -> Json:
    """Return an error whose Cause is any text."""
    return {"Error": name, "Cause": cause}


# https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
MAX_ERROR, MAX_CAUSE = 256, 32_768

TIMED_OUT = "2026-01-01T00:00:00.000Z 3f1d6e0c Task timed out after 15.00 seconds"
UNKNOWN = (
    "The cause could not be determined because Lambda did not return an error type. "
    "Returned payload: "
)

# Of any task; the first is what most inputs of a task meet: see walk.THOROUGH.
ERRORS = [
    function_error("RuntimeError"),
    text_error("Lambda.TooManyRequestsException", "Rate Exceeded. (Service: Lambda, Status: 429)"),
    {"Error": "States.Timeout"},
    text_error("Lambda.Unknown", UNKNOWN + json.dumps({"errorMessage": TIMED_OUT})),
    text_error("Lambda.Unknown", UNKNOWN + json.dumps({"errorMessage": TIMED_OUT})[:-12]),
    text_error("Lambda.Unknown", UNKNOWN + "null"),
    function_error("Sandbox.Timedout", f"RequestId: 3f1d6e0c Error: {TIMED_OUT}"),
    function_error("Runtime.ExitError", "RequestId: 3f1d6e0c Error: Runtime exited: killed"),
    text_error(
        "States.DataLimitExceeded", "The state/task 'arn' returned a result with a size ..."
    ),
    text_error("States.TaskFailed", ""),
    {"Error": "States.TaskFailed"},
    {"Error": "States.HeartbeatTimeout"},
    text_error(
        "States.Permissions", "The role is not authorized to perform: lambda:InvokeFunction"
    ),
    *(
        text_error("OfText", cause)
        for cause in [
            '"errorMessage"',
            '"errorMessage":',
            '{"errorMessage"',
            '{"errorMessage": "cut off in an escape \\',
            '{"errorMessage": "cut off in an escape \\u00',
            '{"errorMessage": null}',
            '{"errorMessage": 7, "errorType": "X"}',
            '{"errorMessage": {"errorMessage": "inner"}}',
            '{"errorMessage": ["one", "two"]}',
            '{"errorType": "X"}',
            '{"errorMessage": ""}',
            '{"errorMessage": "\\"quoted\\" \\\\ \\/ \\b\\f\\n\\r\\t"}',
            '{"errorMessage": "\\u0041\\u00fc\\ud83d\\udeb2 \\uD83D\\uDEB2 \\u00FC"}',
            '{"errorMessage": "\\ud83d alone, \\u0000 and \\u001f"}',
            '{"errorMessage": "one", "errorMessage": "two"}',
            "null",
            "[]",
            "7",
            '"text"',
            "{}",
            " {} ",
            "\n",
            '{"errorMessage": "' + "\\\\" * 16_000 + '"}',
            '{"errorMessage": "' + "\\u00fc" * 5_400 + '"}',
            '{"errorMessage": "' * 1_700,
            '"' * MAX_CAUSE,
            "\\" * MAX_CAUSE,
            "x" * MAX_CAUSE,
            '{"TransformJobStatus": 7, "FailureReason": null}',
        ]
    ),
    *(function_error("OfMessage", text) for text in UNUSUAL_TEXTS),
    *(text_error("OfCause", text) for text in UNUSUAL_TEXTS),
    *(function_error(name) for name in NAMES_OF_JAVASCRIPT),
    *(function_error(name[:MAX_ERROR]) for name in UNUSUAL_TEXTS),
    function_error("ImageNotFound\n"),
]


def of_function(*payloads: Json, errors: tuple[str, ...] = ()) -> Ends:
    """Return how a call of a function ends that returns these, or raises these."""
    results = [
        {
            "ExecutedVersion": "$LATEST",
            "Payload": payload,
            "SdkHttpMetadata": {"HttpStatusCode": 200, "AllHttpHeaders": {"Date": ["today"]}},
            "SdkResponseMetadata": {"RequestId": "3f1d6e0c"},
            "StatusCode": 200,
        }
        for payload in payloads
    ]
    return results, [*ERRORS[:1], *(function_error(name) for name in errors), *ERRORS[1:]]


# --- tasks ---------------------------------------------------------------------------------------

BICYCLE = {"s3_bucket": DATA_BUCKET, "s3_key": "datasets/bike_s_000071.png"}
INFERENCES = [0.971, 0.029]
JUDGED = {
    **BICYCLE,
    "label": "bicycle",
    "confidence": 0.971,
    "threshold": 0.93,
    "inferences": INFERENCES,
}
REASON = "best class bicycle has confidence 0.510, below the threshold 0.93"
REJECTED = {**JUDGED, "confidence": 0.51, "inferences": [0.51, 0.49], "reason": REASON}


def summary(*results: Json, location: str = "s3://bucket/results.jsonl", **counts: int) -> Json:
    """Return what the functions that sum up a bulk run or a transform job return."""
    number = {"images": sum(counts.values()), "accepted": 0, "rejected": 0, "failed": 0} | counts
    return {
        "source": f"s3://{DATA_BUCKET}/pictures/",
        "execution": EXECUTION,
        "counts": number,
        "location": location,
        "results": list(results),
    }


def rejected_line(key: Json, reason: str = REASON) -> Json:
    """Return a rejected picture as a summary names it."""
    return {"verdict": "rejected", "body": {"s3_bucket": "b", "s3_key": key, "reason": reason}}


def failed_line(key: Json, error: str = "ImageNotFound", cause: str = "NoSuchKey") -> Json:
    """Return a failed picture as a summary names it; a row without a key has none."""
    body = {} if key is None else {"s3_bucket": "b", "s3_key": key}
    return {"verdict": "failed", "error": error, "cause": cause, "body": body}


SUMMARIES = [
    summary(accepted=200),
    summary(rejected_line("a.png"), accepted=199, rejected=1),
    summary(failed_line("a.png"), failed=1),
    summary(),
    summary(failed_line(None), failed=1),
    summary(rejected_line("a"), failed_line("b"), rejected=1, failed=1),
    summary(*([rejected_line("a")] * 20), *([failed_line("b")] * 20), rejected=21, failed=10**6),
    summary(*([rejected_line("x" * 1024)] * 20), rejected=20),
    summary(
        *(rejected_line(text, text) for text in UNUSUAL_TEXTS),
        *(failed_line(text, text, text) for text in UNUSUAL_TEXTS),
        *(failed_line("a.png", name) for name in NAMES_OF_JAVASCRIPT),
        rejected=len(UNUSUAL_TEXTS),
        failed=len(UNUSUAL_TEXTS) + len(NAMES_OF_JAVASCRIPT),
        location="s3://bucket/ü 🚲/results.jsonl",
    ),
]

FUNCTIONS: dict[str, Ends] = {
    "SerializeImage": of_function(
        {"statusCode": 200, "body": {**BICYCLE, "image_data": "iVBORw0KGgo=", "inferences": []}},
        *(
            {
                "statusCode": 200,
                "body": {**BICYCLE, "s3_key": text, "image_data": "", "inferences": []},
            }
            for text in UNUSUAL_TEXTS
        ),
        errors=tuple(STATUS_OF_ERROR),
    ),
    "ClassifyImage": of_function(
        {"statusCode": 200, "body": {**BICYCLE, "inferences": INFERENCES}},
        {"statusCode": 200, "body": {**BICYCLE, "inferences": [0.01] * 100}},
        {"statusCode": 200, "body": {**BICYCLE, "inferences": [1, 0]}},
        {"statusCode": 200, "body": {**BICYCLE, "inferences": [1e-07, 0.9999999]}},
        errors=("EndpointUnavailable", "ImageNotFound", "ImageRefused", "InvalidPrediction"),
    ),
    "FilterConfidence": of_function(
        {"statusCode": 200, "body": JUDGED},
        {"statusCode": 406, "body": REJECTED},
        {"statusCode": 200, "body": {**JUDGED, "confidence": 1, "inferences": [1, 0]}},
        *({"statusCode": 406, "body": {**REJECTED, "s3_key": text}} for text in UNUSUAL_TEXTS),
        errors=("ConfidenceThresholdNotMet", "ClassCountMismatch"),
    ),
    "BatchTransformCheckManifest": of_function(
        {"usable": 3, "failed": 1},
        {"usable": 0, "failed": 2},
        {"usable": 100_000, "failed": 0},
        {"duplicate_of": EXECUTION},
        errors=("InvalidManifest",),
    ),
    "BatchTransformWritePredictions": of_function(*SUMMARIES, errors=("PredictionsIncomplete",)),
    "BulkClassificationClassifyBatch": of_function(
        {"first": 0, "part": "bulk/run/parts/0.jsonl"}, errors=("BatchUnfinished",)
    ),
    "BulkClassificationSummarizeBulk": of_function(
        *SUMMARIES, errors=("NothingToClassify", "ResultsIncomplete")
    ),
}

TRANSFORM_JOB = {
    "TransformJobArn": ARN.format("sagemaker", "transform-job/scones-dev-0"),
    "TransformJobName": "scones-dev-0",
    "TransformJobStatus": "Completed",
    "ModelName": "model",
    "CreationTime": 1764273600000,
}
FAILED_JOBS: list[Json] = json.loads("""[
    {"TransformJobStatus": "Failed", "FailureReason": "AlgorithmError: see the log"},
    {"TransformJobStatus": "Stopped"},
    {"TransformJobStatus": "Failed", "FailureReason": "said \\"no\\" of ü 🚲\\n\\\\"},
    {"TransformJobStatus": "Failed", "FailureReason": null}
]""")
FAILED_JOBS += [{"TransformJobStatus": "Failed", "FailureReason": "x" * 1024}]
NO_SUCH_JOB = text_error(
    "SageMaker.SageMakerException",
    "Could not find requested job with name: scones-dev-0 (Service: SageMaker, Status Code: 400)",
)
SERVICES: dict[str, Ends] = {
    "aws-sdk:sagemaker:describeTransformJob": (
        [
            {**TRANSFORM_JOB, "CreationTime": "2026-01-01T00:00:00.000Z", **more}
            for more in (
                *(
                    {"TransformJobStatus": status}
                    for status in ("InProgress", "Stopping", "Stopped", "Completed", "Failed")
                ),
                *(
                    {"TransformJobStatus": "Failed", "FailureReason": reason}
                    for reason in UNUSUAL_TEXTS
                ),
            )
        ],
        [NO_SUCH_JOB, *ERRORS],
    ),
    "aws-sdk:sagemaker:stopTransformJob": ([{}], [NO_SUCH_JOB, *ERRORS]),
    "sns:publish": (
        [{"MessageId": "3f1d6e0c", "SdkHttpMetadata": {}}],
        [text_error("SNS.ThrottlingException", "Rate exceeded"), *ERRORS],
    ),
    "aws-sdk:ssm:getParameter": (
        [{"Parameter": {"Name": "/scones/model", "Type": "String", "Value": "model"}}],
        [text_error("Ssm.ParameterNotFoundException", "null (Service: Ssm, Status Code: 400)")],
    ),
    "sagemaker:createTransformJob.sync": (
        [TRANSFORM_JOB],
        [
            text_error("States.TaskFailed", json.dumps({**TRANSFORM_JOB, **more}))
            for more in FAILED_JOBS
        ]
        + [
            {"Error": "States.Timeout"},
            text_error("SageMaker.ResourceLimitExceededException", "The account-level limit ..."),
            text_error("SageMaker.ResourceInUseException", "Job name must be unique within ..."),
            text_error("SageMaker.AmazonSageMakerException", "Could not find model ..."),
            text_error("States.TaskFailed", json.dumps(TRANSFORM_JOB)[:60]),
            text_error(
                "States.TaskFailed", 'expected "TransformJobStatus" : "Failed", got nothing'
            ),
            *ERRORS,
        ],
    ),
}


# --- starts --------------------------------------------------------------------------------------

# Whoever may start an execution may start it with any JSON.
BY_HAND: list[Json] = [
    *json.loads("""[
        {}, [], null, "text", "", 7, 1e300, true, [[]], [1, [2, [3]]], {"": null},
        {"a": {"b": [{"c": []}]}},
        {"a": [1.0, -0.5, 1e-7, 0.00001, 0.30000000000000004, 1e21, 123456789012, true, null]}
    ]"""),
    *UNUSUAL_TEXTS,
    *(VERY_LONG, {"images": VERY_LONG}, {VERY_LONG: [VERY_LONG]}),
    *({name: "x"} for name in NAMES_OF_JAVASCRIPT),
    {name: {"images": 1} for name in NAMES_OF_JAVASCRIPT},
]


OF_EACH_TYPE: list[Json] = [None, 7, True, "", "text", [], ["x"], {}]


def distorted(start: dict[str, Json]) -> Iterator[Json]:
    """Return the start with each of its members missing, and of each other type."""
    for name, value in start.items():
        yield {key: start[key] for key in start if key != name}
        yield from ({**start, name: other} for other in OF_EACH_TYPE)
        if isinstance(value, dict):
            yield from ({**start, name: inner} for inner in distorted(value))


ODD_IMAGES = json.loads("""[
    null, 1, true, "text", [], {}, [[]], {"s3_bucket": null, "s3_key": null},
    {"s3_bucket": 7, "s3_key": ["x"]}, {"s3_key": "only.png"}
]""")
IMAGES: list[Json] = [
    [BICYCLE],
    [],
    [BICYCLE, BICYCLE],
    [
        *(BICYCLE, [BICYCLE], {**BICYCLE, "more": {"a": 1}}, *ODD_IMAGES),
        *({**BICYCLE, "s3_key": text} for text in UNUSUAL_TEXTS),
        *({**BICYCLE, name: "x"} for name in NAMES_OF_JAVASCRIPT),
    ],
    *([[BICYCLE, BICYCLE]], [[]], [None], [BICYCLE] * 500, [BICYCLE] * 501),
    [{**BICYCLE, "s3_key": "x" * 1024}] * 200,
    [{**BICYCLE, "s3_key": "🚲" * 256}] * 40,
    [{**BICYCLE, "s3_key": "\u0001" * 1024}] * 40,
    *(None, "text", "", 7, True, {}, BICYCLE),
]
WORKFLOW_STARTS = [
    *({"images": images} for images in IMAGES),
    {"image_data": "", **BICYCLE, "inferences": []},
    {"images": [BICYCLE], "more": 1},
    *BY_HAND,
]

DATA, RUNS = f"s3://{DATA_BUCKET}/", f"s3://{RESULTS_BUCKET}/bulk/"
BULK_STARTS = [
    {"prefix": f"{DATA}pictures/"},
    {"manifest": f"{DATA}list.csv"},
    {"manifest": f"{DATA}list.jsonl"},
    {"prefix": DATA},
    {"prefix": f"{DATA}list.csv", "results": f"{RUNS}run-1"},
    *({"prefix": f"{DATA}a", "results": f"{RUNS}{text}"} for text in UNUSUAL_TEXTS),
    *(
        {"prefix": f"{DATA}a", "results": results}
        for results in (
            *(f"{RUNS}{end}" for end in ("run/", "run\n", "run/\n", "a/b", "")),
            *([f"{RUNS}run"], *OF_EACH_TYPE),
        )
    ),
    *({key: f"{DATA}{text}"} for key in ("prefix", "manifest") for text in UNUSUAL_TEXTS),
    *({"manifest": f"{DATA}{text}.csv"} for text in UNUSUAL_TEXTS),
    *(
        {key: source}
        for key in ("prefix", "manifest")
        for source in (
            *(*OF_EACH_TYPE, [f"{DATA}a"], ".csv", "pictures/", "s3://other/a.csv"),
            f"{DATA[:-1]}-2/a.csv",
            *(f"{DATA}list{end}" for end in (".CSV", ".csv\n", ".txt", ".")),
            *(f"{DATA}prefix", f"{DATA}constructor"),
        )
    ),
    {"prefix": f"{DATA}a", "manifest": f"{DATA}b.csv"},
    *(
        {key: start + VERY_LONG}
        for key in ("prefix", "manifest")
        for start in (DATA, "s3://other/")
    ),
    {"manifest": f"{DATA}{VERY_LONG}.csv"},
    {"prefix": f"{DATA}a", "results": VERY_LONG},
    {"prefix": f"{DATA}a", "results": f"{RUNS}{VERY_LONG}/"},
    {"prefix": None, "manifest": f"{DATA}b.csv"},
    {"prefix": f"{DATA}a", "more": 1},
    *BY_HAND,
]


CREATED = json.loads("""{
    "version": "0", "request-id": "C3D13FE5", "requester": "111122223333",
    "source-ip-address": "192.0.2.1", "reason": "PutObject"
}""")


def object_created(**members: Json) -> Json:
    """Return the detail of S3's event."""
    created = {"key": "batch/input/list.json", "size": 90, "etag": "d41d8", "sequencer": "0062E9"}
    return {**CREATED, "bucket": {"name": DATA_BUCKET}, "object": created | members}


TRANSFORM_STARTS = [
    object_created(),
    object_created(**{"version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"}),
    *(
        object_created(key=f"batch/input/{key}")
        for key in ("", "folder/", "folder/\n", "list.json\n", "/", *UNUSUAL_TEXTS)
    ),
    *distorted(object_created()),
    *BY_HAND,
]


ENDED = json.loads("""{
    "stateMachineVersionArn": null, "stateMachineAliasArn": null, "name": "3f1d6e0c",
    "startDate": 1764273600000, "stopDate": 1764273601000,
    "input": "{\\"images\\": []}", "inputDetails": {"included": true},
    "output": null, "outputDetails": null,
    "redriveCount": 0, "redriveDate": null,
    "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is too old"
}""")


def execution_ended(status: str, error: Json = None, cause: Json = None, **members: Json) -> Json:
    """Return the detail of Step Functions' event; what does not apply is null."""
    machine = ARN.format("states", "stateMachine:Scones")
    named = {"executionArn": EXECUTION, "stateMachineArn": machine}
    return {**ENDED, **named, "status": status, "error": error, "cause": cause, **members}


DEAD_EXECUTION_STARTS = [
    execution_ended("FAILED", "States.Runtime", "An error occurred while executing the state"),
    execution_ended("TIMED_OUT"),
    execution_ended("ABORTED"),
    execution_ended("ABORTED", "Stopped", "by me"),
    execution_ended("ABORTED", "", ""),
    execution_ended("TIMED_OUT", input=None, inputDetails={"included": False}),
    execution_ended("PENDING_REDRIVE"),
    *(execution_ended("FAILED", each["Error"], each.get("Cause")) for each in ERRORS),
    *distorted(execution_ended("FAILED", "States.Runtime", "An error occurred")),
    *BY_HAND,
]


ALARM = json.loads("""{
    "alarmName": "Scones-dev-Monitoring-Errors",
    "configuration": {"metrics": [{"id": "m", "returnData": true}]},
    "previousState": {"value": "OK", "reason": "r", "timestamp": "2026-01-01T00:00:00.000+0000"},
    "state": {
        "value": "ALARM", "reasonData": "{}", "timestamp": "2026-01-01T00:05:00.000+0000",
        "reason": "Threshold Crossed: 1 datapoint [7.0] was greater than the threshold (5.0)."
    }
}""")


def alarm_changed(description: Json = "Look at the log.", **state: Json) -> Json:
    """Return the detail of CloudWatch's event; an alarm without a description has none."""
    described = {} if description is None else {"description": description}
    return {
        **ALARM,
        "configuration": ALARM["configuration"] | described,
        "state": ALARM["state"] | state,
    }


ALARM_STARTS = [
    alarm_changed(),
    alarm_changed(None),
    alarm_changed(actionsSuppressedBy="Alarm"),
    *(alarm_changed(text, reason=text) for text in UNUSUAL_TEXTS),
    *distorted(alarm_changed()),
    *BY_HAND,
]

STARTS = {
    "ClassificationStateMachine": WORKFLOW_STARTS,
    "BulkClassificationStateMachine": BULK_STARTS,
    "BatchTransformStateMachine": TRANSFORM_STARTS,
    "NoticeOfDeadExecutionStateMachine": DEAD_EXECUTION_STARTS,
    "NoticeOfAlarmStateMachine": ALARM_STARTS,
}

# What a Distributed Map reads, by its reader's InputType.
LISTED: dict[str, list[Json]] = {
    "OBJECTS": [
        {"Key": key, "LastModified": 1764273600, "Size": 900, "StorageClass": "X"}
        for key in ("datasets/bike.png", "folder/", *UNUSUAL_TEXTS[1:])
    ],
    "CSV": [
        {"key": "a.png"},
        {"key": "a.png", "label": ""},
        {"name": "a.png"},
        *({"key": text} for text in UNUSUAL_TEXTS),
    ],
    "JSONL": [{"key": "a.png"}, {"key": None}, {"key": 7}, *BY_HAND],
}
MAP_RUN = {
    "MapRunArn": ARN.format("states", "mapRun:Scones/Csv:3f1d6e0c"),
    "ResultWriterDetails": {"Bucket": RESULTS_BUCKET, "Key": "bulk/run/map/3f1d6e0c/manifest.json"},
}
MAP_ERRORS = [
    text_error("States.ExceedToleratedFailureThreshold", "The specified tolerated failure ..."),
    text_error("States.ItemReaderFailed", "CSV headers cannot contain duplicates."),
    text_error("States.ResultWriterFailed", "Access Denied"),
    *ERRORS,
]


# $states.context, without the item of a Map.
ENTERED = "2026-01-01T00:00:00.000Z"
ROLE = "arn:aws:iam::111122223333:role/scones"
STARTED = {"Id": EXECUTION, "Input": {}, "Name": "3f1d6e0c", "RoleArn": ROLE, "StartTime": ENTERED}
CONTEXT = {
    "Execution": STARTED,
    "State": {"EnteredTime": ENTERED, "Name": "State", "RetryCount": 0},
    "StateMachine": {"Id": ARN.format("states", "stateMachine:Scones"), "Name": "Scones"},
}


def starts(logical_id: str) -> list[Json]:
    """Return what executions of the state machine with this logical id start with."""
    found: list[Json] = _by_prefix(STARTS, logical_id)
    return found


def ends(resource: str, arguments: Json) -> Ends:
    """Return how a task that calls `resource` can end."""
    service = resource.partition(":states:::")[2]
    if service != "lambda:invoke":
        return SERVICES[service]
    found: Ends = _by_prefix(FUNCTIONS, arguments["FunctionName"].rpartition(":")[2])
    return found


def _by_prefix(entries: Mapping[str, Any], logical_id: str) -> Any:
    for prefix, entry in entries.items():
        if logical_id.startswith(prefix):
            return entry
    raise LookupError(f"nothing for {logical_id}: say in {__file__} what it can meet")
