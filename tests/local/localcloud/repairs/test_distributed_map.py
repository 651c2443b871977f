"""Contract tests of the Distributed Map; each fails without its repair."""

import json
import time
import uuid
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.localcloud.sagemaker.support import wait

LIMIT = 262_144

ECHO = {"Type": "Pass", "End": True}


def distributed(each: dict[str, Any] = ECHO, **fields: Any) -> dict[str, Any]:
    """A Distributed Map state, in JSONata, with `each` as the only state of its children."""
    return {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Each",
            "States": {"Each": each},
        },
        "End": True,
        **fields,
    }


def machine(state: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    """A state machine that enters `state` first."""
    return {"QueryLanguage": "JSONata", "StartAt": "All", "States": {"All": state, **others}}


def raising_on(*names: str) -> dict[str, Any]:
    """A Choice that fails for an input in `names`; goes with `FAIL`."""
    condition = f"{{% $states.input in {json.dumps(names)} %}}"
    return {
        "Type": "Choice",
        "Choices": [{"Condition": condition, "Next": "Fail"}],
        "Default": "Pass",
    }


def failing(*names: str, **fields: Any) -> dict[str, Any]:
    """A Distributed Map whose children fail where their input is in `names`."""
    state = distributed(raising_on(*names), Items="{% $states.input %}", **fields)
    state["ItemProcessor"]["States"] |= {
        "Pass": {"Type": "Pass", "End": True},
        "Fail": {"Type": "Fail", "Error": "Broken", "Cause": "by intent"},
    }
    return state


def output(result: dict[str, Any]) -> Any:
    assert result["status"] == "SUCCEEDED", result
    return json.loads(result["output"])


@pytest.fixture(scope="module")
def s3(cloud: LocalCloud) -> Any:
    """A client."""
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """Name of a new bucket."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def put(s3: Any, bucket: str) -> Any:
    """Puts an object into the bucket."""
    return lambda key, body: s3.put_object(Bucket=bucket, Key=key, Body=body)


@pytest.fixture
def read(s3: Any, bucket: str) -> Any:
    """The text of an object in the bucket."""
    return lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


@pytest.fixture
def map_run(cloud: LocalCloud) -> Any:
    """The only Map Run of an execution, described."""
    client = cloud.client("stepfunctions")

    def describe(execution: dict[str, Any]) -> dict[str, Any]:
        (run,) = client.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
        described: dict[str, Any] = client.describe_map_run(mapRunArn=run["mapRunArn"])
        return described

    return describe


class TestBatches:
    def test_a_child_gets_at_most_so_many_items(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            Items="{% $states.input.items %}",
            ItemBatcher={
                "MaxItemsPerBatch": "{% $states.input.most %}",
                "BatchInput": {"threshold": "{% $states.input.threshold %}", "fixed": True},
            },
        )

        result = execute(machine(state), {"items": [1, 2, 3, 4, 5], "most": 2, "threshold": 0.9})

        given = {"threshold": 0.9, "fixed": True}
        assert output(result) == [
            {"BatchInput": given, "Items": [1, 2]},
            {"BatchInput": given, "Items": [3, 4]},
            {"BatchInput": given, "Items": [5]},
        ]
        run = map_run(result)
        assert (run["itemCounts"]["total"], run["itemCounts"]["succeeded"]) == (5, 5)
        assert (run["executionCounts"]["total"], run["executionCounts"]["succeeded"]) == (3, 3)
        assert run["itemCounts"]["pending"] == run["executionCounts"]["running"] == 0

    def test_a_child_gets_at_most_so_many_bytes(self, execute: Any) -> None:
        items = ["ä" * 10] * 5
        limit = len(json.dumps({"Items": items[:2]}, ensure_ascii=False, separators=(",", ":")))
        limit += 20  # an ä has two bytes
        state = distributed(
            Items="{% $states.input %}", ItemBatcher={"MaxInputBytesPerBatch": limit}
        )

        batches = output(execute(machine(state), items))

        assert [len(batch["Items"]) for batch in batches] == [2, 2, 1]

    def test_jsonpath(self, execute: Any) -> None:
        state = distributed(
            QueryLanguage="JSONPath",
            ItemsPath="$.items",
            ItemSelector={"name.$": "$$.Map.Item.Value", "of.$": "$.owner"},
            ItemBatcher={"MaxItemsPerBatchPath": "$.most", "BatchInput": {"by.$": "$.owner"}},
            ResultPath="$.results",
        )

        data = {"items": ["a", "b"], "owner": "me", "most": 2}
        result = output(execute(machine(state), data))

        selected = [{"name": "a", "of": "me"}, {"name": "b", "of": "me"}]
        assert result == {**data, "results": [{"BatchInput": {"by": "me"}, "Items": selected}]}


class TestResultsInS3:
    def test_files_by_status_and_a_manifest(
        self, execute: Any, bucket: str, read: Any, map_run: Any
    ) -> None:
        state = failing(
            "bad",
            ToleratedFailurePercentage=50,
            ResultWriter={
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": bucket, "Prefix": "{% 'results/' & 'today' %}"},
            },
        )

        result = execute(machine(state), ["good", "bad", "better"])

        run = map_run(result)
        folder = f"results/today/{run['mapRunArn'].rpartition(':')[2]}"
        assert output(result) == {
            "MapRunArn": run["mapRunArn"],
            "ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"},
        }
        manifest = json.loads(read(f"{folder}/manifest.json"))
        assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == (bucket, run["mapRunArn"])
        files = manifest["ResultFiles"]
        assert {status: [file["Key"] for file in files[status]] for status in files} == {
            "FAILED": [f"{folder}/FAILED_0.json"],
            "PENDING": [],
            "SUCCEEDED": [f"{folder}/SUCCEEDED_0.json"],
        }
        assert run["itemCounts"]["resultsWritten"] == 3
        assert files["FAILED"][0]["Size"] == len(read(f"{folder}/FAILED_0.json"))
        succeeded = json.loads(read(f"{folder}/SUCCEEDED_0.json"))
        assert [(child["Input"], child["Output"]) for child in succeeded] == [
            ('"good"', '"good"'),
            ('"better"', '"better"'),
        ]
        (failed,) = json.loads(read(f"{folder}/FAILED_0.json"))
        name = failed.pop("Name")
        assert failed.pop("StartDate") <= failed.pop("StopDate")
        assert failed.pop("ExecutionArn").endswith(f":{name}")
        assert "/" in failed.pop("StateMachineArn")
        assert failed == {
            "Cause": "by intent",
            "Error": "Broken",
            "Input": '"bad"',
            "InputDetails": {"Included": True},
            "OutputDetails": {"Included": True},
            "Status": "FAILED",
        }

    def test_transformed_to_json_lines(self, execute: Any, bucket: str, read: Any) -> None:
        state = distributed(
            Items="{% $states.input %}",
            ResultWriter={
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": bucket},
                "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
            },
        )

        details = output(execute(machine(state), [[1, 2], [3]]))["ResultWriterDetails"]

        (file,) = json.loads(read(details["Key"]))["ResultFiles"]["SUCCEEDED"]
        assert read(file["Key"]) == "1\n2\n3\n"

    def test_what_was_not_started_is_pending(
        self, s3: Any, execute: Any, bucket: str, read: Any
    ) -> None:
        state = failing(
            "bad",
            MaxConcurrency=1,
            ResultWriter={
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": bucket, "Prefix": "stopped"},
            },
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        )

        caught = output(execute(machine(state, Caught=ECHO), ["bad", "never"]))

        assert caught["Error"] == "States.ExceedToleratedFailureThreshold"
        objects = s3.list_objects_v2(Bucket=bucket, Prefix="stopped/")["Contents"]
        keys = {item["Key"].rpartition("/")[2]: item["Key"] for item in objects}
        assert set(keys) == {"manifest.json", "FAILED_0.json", "PENDING_0.json"}
        (pending,) = json.loads(read(keys["PENDING_0.json"]))
        assert (pending["Status"], pending["Input"]) == ("PENDING", '"never"')

    def test_a_bucket_that_is_not_there(self, execute: Any) -> None:
        state = distributed(
            Items="{% $states.input %}",
            ResultWriter={
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": "no-such-bucket"},
            },
        )

        result = execute(machine(state), [1])

        assert (result["status"], result["error"]) == ("FAILED", "States.ResultWriterFailed")
        assert "s3://no-such-bucket/" in result["cause"]


class TestJsonata:
    def test_fields_of_the_state(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            Items="{% $states.input.items %}",
            ItemSelector={
                "name": "{% $states.context.Map.Item.Value %}",
                "index": "{% $states.context.Map.Item.Index %}",
                "owner": "{% $owner %}",
            },
            MaxConcurrency="{% $states.input.most %}",
            ToleratedFailurePercentage="{% 10 + 5 %}",
            ToleratedFailureCount="{% 1 + 1 %}",
            Assign={"names": "{% $states.result.name %}"},
            Output={"count": "{% $count($states.result) %}"},
            Next="Told",
        )
        del state["End"]
        told = {"count": "{% $states.input.count %}", "names": "{% $names %}"}
        definition = machine(state, Told={"Type": "Pass", "Output": told, "End": True})
        definition["StartAt"] = "Own"
        definition["States"]["Own"] = {"Type": "Pass", "Assign": {"owner": "me"}, "Next": "All"}

        result = execute(definition, {"items": ["a", "b"], "most": 3})

        assert output(result) == {"count": 2, "names": ["a", "b"]}
        run = map_run(result)
        assert run["maxConcurrency"] == 3
        assert (run["toleratedFailurePercentage"], run["toleratedFailureCount"]) == (15, 2)

    def test_a_child_is_an_execution_of_its_own(self, execute: Any) -> None:
        each = {
            "Type": "Pass",
            "Output": {
                "input": "{% $states.context.Execution.Input %}",
                "variable": "{% $exists($owner) %}",
                "map": "{% $exists($states.context.Map) %}",
            },
            "End": True,
        }
        definition = machine(distributed(each, Items="{% $states.input %}"))
        definition["StartAt"] = "Own"
        definition["States"]["Own"] = {"Type": "Pass", "Assign": {"owner": "me"}, "Next": "All"}

        assert output(execute(definition, ["a"])) == [
            {"input": "a", "variable": False, "map": False}
        ]

    def test_an_expression_that_cannot_be_evaluated_fails_the_state(self, execute: Any) -> None:
        state = distributed(Items="{% $states.input %}", ItemSelector="{% $no.such.thing %}")

        result = execute(machine(state), [1])

        assert (result["status"], result["error"]) == ("FAILED", "States.QueryEvaluationError")


class TestItemReaders:
    def test_objects_below_a_prefix(self, execute: Any, bucket: str, put: Any) -> None:
        for number in range(30):
            put(f"pictures/{number:04}.png", b"p")
        put("other.png", b"p")
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:listObjectsV2",
                "Arguments": {"Bucket": "{% $states.input.bucket %}", "Prefix": "pictures/"},
            },
            ItemBatcher={"MaxItemsPerBatch": 1000},
            Output="{% $states.result.Items %}",
        )

        items = output(execute(machine(state), {"bucket": bucket}))

        assert [item["Key"] for item in items] == [f"pictures/{n:04}.png" for n in range(30)]
        assert set(items[0]) == {"Etag", "Key", "LastModified", "Size", "StorageClass"}

    def test_csv_with_its_header_and_a_maximum(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.csv", b'key,label\na.png,0\n"b, c.png",1\nd.png,2\n')
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV",
                    "CSVHeaderLocation": "FIRST_ROW",
                    "MaxItems": "{% $states.input.most %}",
                },
                "Arguments": {"Bucket": bucket, "Key": "{% $states.input.key %}"},
            }
        )

        items = output(execute(machine(state), {"key": "list.csv", "most": 2}))

        assert items == [{"key": "a.png", "label": "0"}, {"key": "b, c.png", "label": "1"}]

    def test_csv_with_given_headers(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.csv", b"a.png;0;dropped\nb.png\n")
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV",
                    "CSVHeaderLocation": "GIVEN",
                    "CSVHeaders": ["key", "label"],
                    "CSVDelimiter": "SEMICOLON",
                },
                "Arguments": {"Bucket": bucket, "Key": "{% 'list.csv' %}"},
            }
        )

        items = output(execute(machine(state), {}))

        assert items == [{"key": "a.png", "label": "0"}, {"key": "b.png", "label": ""}]

    def test_json_lines(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.jsonl", b'{"key": "a.png"}\n\n{"key": "b\xe2\x80\xa8.png"}\n')
        state = distributed(ItemReader=_lines(bucket))

        assert output(execute(machine(state), {})) == [{"key": "a.png"}, {"key": "b\u2028.png"}]

    @pytest.mark.parametrize("content", [b'{"key": "a.png"}\n{"key": ', b"\xff\xfe"])
    def test_a_dataset_that_cannot_be_read(
        self, execute: Any, bucket: str, put: Any, content: bytes
    ) -> None:
        put("list.jsonl", content)

        result = execute(machine(distributed(ItemReader=_lines(bucket))), {})

        assert (result["status"], result["error"]) == ("FAILED", "States.ItemReaderFailed")
        assert "list.jsonl" in result["cause"]


def _lines(bucket: str) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments": {"Bucket": bucket, "Key": "{% 'list.jsonl' %}"},
    }


class TestToleratedFailures:
    @pytest.mark.parametrize(("percentage", "status"), [(25, "SUCCEEDED"), (24, "FAILED")])
    def test_a_percentage_of_the_items(
        self, execute: Any, map_run: Any, percentage: int, status: str
    ) -> None:
        result = execute(
            machine(failing("bad", ToleratedFailurePercentage=percentage)), ["a", "b", "bad", "c"]
        )

        assert result["status"] == status
        run = map_run(result)
        assert (run["status"], run["itemCounts"]["failed"]) == (status, 1)

    def test_all_items_of_a_failed_batch_have_failed(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            {"Type": "Fail", "Error": "Broken"},
            Items="{% $states.input %}",
            ItemBatcher={"MaxItemsPerBatch": 2},
            ToleratedFailureCount=3,
            MaxConcurrency=1,
        )

        result = execute(machine(state), [1, 2, 3, 4, 5, 6])

        assert result["error"] == "States.ExceedToleratedFailureThreshold"
        run = map_run(result)
        assert (run["itemCounts"]["failed"], run["executionCounts"]["failed"]) == (4, 2)
        assert run["itemCounts"]["pending"] == 2

    def test_a_tolerated_failure_is_told_among_the_results(self, execute: Any) -> None:
        result = execute(machine(failing("bad", ToleratedFailureCount=1)), ["bad", "good"])

        failed, good = output(result)
        assert (failed["Status"], failed["Error"], failed["Input"]) == ("FAILED", "Broken", '"bad"')
        assert good == "good"


class TestSizes:
    def test_the_input_of_a_child(self, execute: Any) -> None:
        state = distributed(
            {"Type": "Pass", "Output": "small", "End": True},
            Items="{% [1..3].$states.input %}",
            ItemBatcher={"MaxItemsPerBatch": "{% $states.context.Execution.Input.most %}"},
        )
        half = "x" * (LIMIT // 2)

        assert execute(machine(state), {"most": 1, "item": half})["status"] == "SUCCEEDED"
        assert execute(machine(state), {"most": 2, "item": half})["error"] == (
            "States.DataLimitExceeded"
        )

    def test_the_results_unless_they_are_written_to_s3(self, execute: Any, bucket: str) -> None:
        state = distributed(Items="{% [1..3].$states.input %}", Output="small")
        third = "x" * (LIMIT // 3)

        assert execute(machine(state), third)["error"] == "States.DataLimitExceeded"
        state["ResultWriter"] = {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": bucket},
        }
        assert execute(machine(state), third)["status"] == "SUCCEEDED"


class TestChildren:
    @pytest.mark.parametrize("kind", ["EXPRESS", "STANDARD"])
    def test_only_standard_children_keep_their_data(
        self, cloud: LocalCloud, execute: Any, map_run: Any, functions: Any, kind: str
    ) -> None:
        function = functions.python("def handler(event, context):\n    return event\n")
        each = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
        state = distributed(each, Items="{% $states.input %}")
        state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = kind

        run = map_run(execute(machine(state), ["a"]))

        client = cloud.client("stepfunctions")
        (child,) = client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
        described = client.describe_execution(executionArn=child["executionArn"])
        history = client.get_execution_history(executionArn=child["executionArn"])["events"]
        assert described["status"] == "SUCCEEDED"
        assert described["inputDetails"]["included"] == (kind == "STANDARD")
        assert ("input" in described, bool(history)) == ((kind == "STANDARD"),) * 2

    def test_no_more_than_64_at_a_time(self, cloud: LocalCloud, start: Any) -> None:
        client = cloud.client("stepfunctions")
        execution = start(
            machine(
                distributed(
                    {"Type": "Wait", "Seconds": 3, "End": True},
                    Items="{% [1..70] %}",
                    MaxConcurrency=1000,
                )
            ),
            {},
        )

        (run,) = wait(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
        arn = run["mapRunArn"]

        def running() -> int:
            counts = client.describe_map_run(mapRunArn=arn)["executionCounts"]
            return int(counts["running"])

        wait(lambda: running() >= 64)
        time.sleep(0.3)  # for more of them, if there were
        assert running() == 64
        client.stop_execution(executionArn=execution)

    def test_too_many_failures_end_the_others(self, cloud: LocalCloud, start: Any) -> None:
        client = cloud.client("stepfunctions")
        state = failing("bad")
        processor = state["ItemProcessor"]
        processor["States"]["Pass"] = {"Type": "Wait", "Seconds": 1, "Next": "After"}
        processor["States"]["After"] = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Arguments": {"TopicArn": "none", "Message": "never"},
            "End": True,
        }

        execution = start(machine(state), ["good", "bad"])

        wait(lambda: client.describe_execution(executionArn=execution)["status"] == "FAILED")
        (run,) = client.list_map_runs(executionArn=execution)["mapRuns"]
        counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        assert (counts["failed"], counts["aborted"]) == (1, 1)
