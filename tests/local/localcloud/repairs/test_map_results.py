"""Contract tests of the result writer; each fails without its repair."""

import json
from typing import Any

from tests.local.localcloud.repairs.distributed_map import (
    ECHO,
    distributed,
    failing,
    machine,
    output,
    writer,
)


class TestResultsInS3:
    def test_files_by_status_and_a_manifest(
        self, execute: Any, bucket: str, read: Any, map_run: Any
    ) -> None:
        state = failing(
            "bad",
            ToleratedFailurePercentage=50,
            ResultWriter=writer(bucket, "{% 'results/' & 'today' %}"),
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
            ResultWriter=writer(bucket, Transformation="FLATTEN", OutputType="JSONL"),
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
            ResultWriter=writer(bucket, "stopped"),
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
        state = distributed(Items="{% $states.input %}", ResultWriter=writer("no-such-bucket"))

        result = execute(machine(state), [1])

        assert (result["status"], result["error"]) == ("FAILED", "States.ResultWriterFailed")
        assert "s3://no-such-bucket/" in result["cause"]
