"""Tasks and Distributed Maps to try, and what came of them."""

import json
from typing import Any

ECHO = {"Type": "Pass", "End": True}


def task(resource: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task, which is the last state unless `more` says otherwise."""
    more = more if "Next" in more else {"End": True, **more}
    service = f"arn:aws:states:::{resource}"
    return {"Type": "Task", "Resource": service, "Arguments": arguments, **more}


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


def writer(bucket: str, prefix: str = "", **config: str) -> dict[str, Any]:
    """A ResultWriter that writes below a prefix of the bucket."""
    arguments = {"Bucket": bucket, "Prefix": prefix} if prefix else {"Bucket": bucket}
    more = {"WriterConfig": config} if config else {}
    return {"Resource": "arn:aws:states:::s3:putObject", "Arguments": arguments, **more}


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
    """Return the output of a successful execution."""
    assert result["status"] == "SUCCEEDED", result
    return json.loads(result["output"])
