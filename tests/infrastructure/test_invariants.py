"""Invariants of every configuration, or of every environment."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from settings import Settings, load
from settings.loader import validate
from settings.training import TRAINING_LIMIT_MINUTES
from stacks.constructs.common.picture_results import MAX_IMAGES, STATUS_OF_ERROR
from stacks.constructs.common.state_machine import CRASHES, LAMBDA_ERRORS, THROTTLED
from stacks.constructs.workflow.classification_workflow import ENDPOINT_ERROR, REJECTION_ERROR
from tests.infrastructure.invariants import INVARIANTS, Resource, Stacks, resources
from tests.infrastructure.synthesis import ROOT, Templates, configuration, states, synthesize


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


def source(path: str) -> str:
    return "".join(each.read_text() for each in (ROOT / "lambda_src").glob(path))


def keys_read(folder: str, mapping: str) -> set[str]:
    """Return the keys that the function reads from a mapping, as in `text(mapping, "key")`."""
    code = source(f"{folder}/*.py") + source("shared/staged_dataset.py")
    return set(re.findall(rf"\b{mapping}, [\"'](\w+)", code))


def keys_asked_for(folder: str, mapping: str) -> set[str]:
    """Return the keys that may be absent, as in `mapping.get("key")`."""
    return set(re.findall(rf"\b{mapping}\.get\([\"'](\w+)", source(f"{folder}/*.py")))


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
                "class_weights": "balanced",
            },
        },
        environment="test",
        source="test.toml",
    )
    (job,) = synthesize(settings)["Training"].find_resources("Custom::TrainingJob").values()

    properties = job["Properties"]
    assert set(properties) - {"ServiceToken"} == keys_read("training_job", "properties")
    assert set(properties["Spot"]) == keys_read("training_job", "spot")


def test_every_error_of_the_handlers_has_its_place_in_the_workflow() -> None:
    steps = ("serialize_image", "classify_image", "filter_confidence")
    modules = (
        *(f"{step}/handler.py" for step in steps),
        *(f"shared/{name}.py" for name in ("events", "picture_format", "picture_steps")),
    )
    code = "".join(map(source, modules))
    raised = set(re.findall(r"^class (\w+)\(Exception\)", code, re.MULTILINE))
    ours = {"ClassCountMismatch", "InvalidPrediction"}  # reported as 500

    assert raised == set(STATUS_OF_ERROR) | {ENDPOINT_ERROR} | ours | {REJECTION_ERROR}
