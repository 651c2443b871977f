"""Contract tests of the history of a Map's items; each fails without its repair."""

from typing import Any

from localcloud.launcher import LocalCloud


def test_the_states_of_each_item_are_named(cloud: LocalCloud, execute: Any) -> None:
    inner = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Last"},
            "Last": {"Type": "Succeed"},
        },
    }
    each = {
        "StartAt": "Each",
        "States": {
            "Each": {"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": 1, "End": True}
        },
    }
    machine = {
        "StartAt": "All",
        "States": {
            "All": {"Type": "Map", "ItemProcessor": each, "MaxConcurrency": 1, "Next": "Done"},
            "Done": {"Type": "Succeed"},
        },
    }

    result = execute(machine, [[1, 2], [3]])

    assert result["status"] == "SUCCEEDED", result
    history = cloud.client("stepfunctions").get_execution_history(
        executionArn=result["executionArn"]
    )
    entered = [
        (event["type"], event["stateEnteredEventDetails"]["name"])
        for event in history["events"]
        if event["type"].endswith("StateEntered")
    ]
    picture = [("PassStateEntered", "First"), ("SucceedStateEntered", "Last")]
    map_ = ("MapStateEntered", "Each")
    assert entered == [
        ("MapStateEntered", "All"),
        *(map_, *picture, *picture),
        *(map_, *picture),
        ("SucceedStateEntered", "Done"),
    ]
