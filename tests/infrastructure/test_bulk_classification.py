"""The bulk state machine: how it lists, batches, retries and writes."""

from typing import Any

import pytest

from settings import load
from stacks.constructs.batch.bulk_classification import TRANSIENT_ERRORS
from stacks.constructs.common.state_machine import CRASHES
from tests.infrastructure.synthesis import Templates, states
from tests.infrastructure.templates import VARIED, templates_with

NAME = "BulkClassification"
READERS = {
    "Prefix": ("listObjectsV2", None),
    "Csv": ("getObject", "CSV"),
    "JsonLines": ("getObject", "JSONL"),
}


def bulk(templates: Templates, environment: str = "dev") -> dict[str, Any]:
    return states(templates(environment)["Batch"], notice=NAME)


@pytest.mark.parametrize("label", READERS)
def test_every_listing_goes_the_same_way(
    templates: Templates, environment: str, label: str
) -> None:
    settings = load(environment).bulk
    pictures = bulk(templates, environment)[f"Classify pictures ({label})"]

    api, type_ = READERS[label]
    assert pictures["ItemReader"]["Resource"].endswith(f":s3:{api}")
    assert pictures["ItemReader"].get("ReaderConfig", {}).get("InputType") == type_
    assert pictures["ItemBatcher"]["MaxItemsPerBatch"] == settings.batch_size
    assert pictures["ItemBatcher"]["MaxInputBytesPerBatch"] < 256 * 1024
    assert pictures["MaxConcurrency"] == settings.max_concurrency
    assert pictures["ToleratedFailurePercentage"] == settings.tolerated_failure_percentage
    assert pictures["ResultWriter"]["WriterConfig"] == {
        "OutputType": "JSONL",
        "Transformation": "COMPACT",
    }
    processor = pictures["ItemProcessor"]
    # Express ends after five minutes, which a throttled endpoint may take.
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    (task,) = processor["States"].values()
    retry, after_crash = task["Retry"]
    assert (after_crash["ErrorEquals"], after_crash["MaxAttempts"]) == (CRASHES, 5)
    assert (retry["ErrorEquals"], retry["JitterStrategy"]) == (TRANSIENT_ERRORS, "FULL")
    assert pictures["Next"] == "Summarize"
    (catch,) = pictures["Catch"]
    assert catch["ErrorEquals"] == ["States.ItemReaderFailed"]
    refusal = bulk(templates, environment)[catch["Next"]]
    assert (refusal["Type"], refusal["Error"]) == ("Fail", "InvalidInput")


def test_settings_reach_the_function() -> None:
    batch = templates_with(**VARIED)["Batch"]

    (variables,) = (
        function["Properties"]["Environment"]["Variables"]
        for name, function in batch.find_resources("AWS::Lambda::Function").items()
        if name.startswith(f"{NAME}ClassifyBatch")
    )
    assert variables["THREADS"] == "7"
