"""Invariants of every configuration, or of every environment."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from settings import Settings, load
from settings.loader import validate
from settings.training import TRAINING_LIMIT_MINUTES
from stacks.constructs.common.picture_results import MAX_IMAGES, STATUS_OF_ERROR
from stacks.constructs.common.state_machine import CRASHES, LAMBDA_ERRORS, THROTTLED
from stacks.constructs.workflow.classification_workflow import ENDPOINT_ERROR, REJECTION_ERROR
from tests.infrastructure.invariants import (
    INVARIANTS,
    Resource,
    Stacks,
    resources,
)
from tests.infrastructure.synthesis import (
    ROOT,
    Templates,
    configuration,
    states,
    synthesize,
)


def the_only(found: dict[str, Resource]) -> Resource:
    (resource,) = found.values()
    return resource


@pytest.mark.parametrize("holds", INVARIANTS, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("name", ["dev", "prod", "minimal", "comprehensive"])
def test_whatever_the_settings_are(
    templates: Templates, name: str, holds: Callable[[Stacks, Settings], None]
) -> None:
    holds(templates(name), configuration(name))


def test_captures_expire(templates: Templates, environment: str) -> None:
    (bucket,) = (
        bucket
        for logical_id, bucket in resources(templates(environment), "AWS::S3::Bucket").items()
        if logical_id.startswith("CaptureBucket")
    )

    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert load(environment).capture.expire_days in [rule.get("ExpirationInDays") for rule in rules]


# --- endpoint ------------------------------------------------------------------------------------


def test_requests_and_replies_are_captured(templates: Templates, environment: str) -> None:
    config = the_only(resources(templates(environment), "AWS::SageMaker::EndpointConfig"))
    capture = config["Properties"]["DataCaptureConfig"]

    assert capture["EnableCapture"] is True
    assert capture["InitialSamplingPercentage"] == 100
    assert capture["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


def test_training_has_room_in_the_hour_of_a_custom_resource(
    templates: Templates, environment: str
) -> None:
    waiter = states(templates(environment)["Training"])
    (retry,) = waiter["framework-isComplete-task"]["Retry"]
    waited = retry["MaxAttempts"] * retry["IntervalSeconds"]

    assert 15 <= retry["IntervalSeconds"] <= 30
    job = the_only(resources(templates(environment), "Custom::TrainingJob"))
    assert job["Properties"]["MaxRuntimeInSeconds"] < waited <= TRAINING_LIMIT_MINUTES * 60


# --- workflow ------------------------------------------------------------------------------------


def test_every_error_of_a_picture_is_caught_inside_the_map(
    templates: Templates, environment: str
) -> None:
    items = states(templates(environment)["Workflow"])["Classify images"]
    by_name = items["ItemProcessor"]["States"]
    tasks = [state for state in by_name.values() if state["Type"] == "Task"]

    # Each state that a picture enters is billed, so the fourth is for those that fail.
    assert (len(tasks), len(by_name)) == (3, 4)
    assert tasks[-1]["End"] is by_name["Failed"]["End"] is True
    assert items["MaxConcurrency"] == load(environment).workflow.max_concurrency
    for task in tasks:
        assert task["Catch"][0]["ErrorEquals"] == ["States.ALL"]
        assert task["Catch"][0]["Next"] == "Failed"
        throttled, other = task["Retry"]
        assert throttled["ErrorEquals"][0] == THROTTLED
        assert {*LAMBDA_ERRORS, *CRASHES} == {THROTTLED, *other["ErrorEquals"]}
        assert throttled["JitterStrategy"] == other["JitterStrategy"] == "FULL"
        assert throttled["IntervalSeconds"] > other["IntervalSeconds"]


@pytest.mark.parametrize("name", ["dev", "minimal", "comprehensive"])
def test_the_history_holds_the_most_events_of_the_most_pictures(
    templates: Templates, name: str
) -> None:
    outer = states(templates(name)["Workflow"])
    inner = outer["Classify images"]["ItemProcessor"]["States"]

    # Each picture is repeated as often as it can be, on its longest way, and then fails.
    a_picture = 2 + longest(inner, "Serialize image")
    others = longest(outer, "Read input") + 2 + 2  # of the Map, of the execution

    assert a_picture == 49
    assert MAX_IMAGES * a_picture + others <= 25_000


def longest(by_name: dict[str, Any], name: str) -> int:
    """Events from this state on: two for each state, and three for each call."""
    state = by_name[name]
    calls = 0
    if state["Type"] == "Task":
        calls = 1 + sum(retry["MaxAttempts"] for retry in state.get("Retry", []))
    following = [
        each["Next"]
        for each in (state, *state.get("Choices", []), *state.get("Catch", []))
        if "Next" in each
    ]
    following += [state["Default"]] if "Default" in state else []
    return 2 + 3 * calls + max((longest(by_name, each) for each in following), default=0)


# --- what stacks and handlers agree on -----------------------------------------------------------


def nodes(folder: str) -> Iterator[ast.AST]:
    for source in (ROOT / "lambda_src" / folder).glob("*.py"):
        yield from ast.walk(ast.parse(source.read_text()))


def keys_read(folder: str, mapping: str) -> set[str]:
    """Constant keys that the function reads: `mapping["key"]`, or `text(mapping, "key")`."""
    return {
        key.value
        for node in nodes(folder)
        for key in _keys_of(node, mapping)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _keys_of(node: ast.AST, mapping: str) -> list[ast.expr]:
    match node:
        case ast.Subscript(value, key) if ast.unparse(value) == mapping:
            return [key]
        case ast.Call(ast.Name(), [value, key, *_]) if ast.unparse(value) == mapping:
            return [key]
    return []


def keys_asked_for(folder: str, mapping: str) -> set[str]:
    """Constant keys that the function takes from `mapping` with get: those that may be absent."""
    return {
        str(node.args[0].value)
        for node in nodes(folder)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == f"{mapping}.get"
        and isinstance(node.args[0], ast.Constant)
    }


def test_the_properties_of_the_training_job_are_the_ones_that_are_read(
    templates: Templates,
) -> None:
    job = the_only(resources(templates("dev"), "Custom::TrainingJob"))

    always = keys_read("training_job", "properties") - keys_asked_for("training_job", "properties")
    assert set(job["Properties"]) - {"ServiceToken"} == always


def test_optional_properties_of_the_training_job_are_the_ones_that_are_asked_for() -> None:
    settings = validate(
        {
            "encryption": {"customer_managed_key": True},
            "training": {
                "instance_type": "ml.p3.2xlarge",  # its volumes take a key
                "spot": {"enabled": True},
                "initial_model_data_url": "s3://elsewhere/model.tar.gz",
            },
        },
        environment="test",
        source="test.toml",
    )
    (job,) = synthesize(settings)["Training"].find_resources("Custom::TrainingJob").values()

    properties = job["Properties"]
    assert set(properties) - {"ServiceToken"} == keys_read("training_job", "properties")
    assert set(properties["Spot"]) == keys_read("training_job", "spot")


def is_exception(base: ast.expr) -> bool:
    return isinstance(base, ast.Name) and base.id == "Exception"


def test_every_error_of_the_handlers_has_its_place_in_the_workflow() -> None:
    handlers = (
        f"{step}/handler" for step in ("serialize_image", "classify_image", "filter_confidence")
    )
    shared = (f"shared/{name}" for name in ("events", "picture_format", "picture_steps"))
    raised = {
        node.name
        for name in (*handlers, *shared)
        for node in ast.parse((ROOT / "lambda_src" / f"{name}.py").read_text()).body
        if isinstance(node, ast.ClassDef) and any(map(is_exception, node.bases))
    }
    ours = {"ClassCountMismatch", "InvalidPrediction"}  # reported as 500

    assert raised == set(STATUS_OF_ERROR) | {ENDPOINT_ERROR} | ours | {REJECTION_ERROR}
