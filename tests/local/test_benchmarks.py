"""The benchmarks with few pictures: that every row comes out, not how fast anything is."""

import boto3
import pytest

from benchmarks import costs, staging, workflow
from benchmarks.cloud import Cloud
from benchmarks.comparator.workflow import NAME
from tests.local.deployment import Deployment
from training import drawn
from training.source import Source


@pytest.fixture
def cloud(deployment: Deployment) -> Cloud:
    return Cloud(deployment.cloud, deployment.settings)


def test_staging_has_both_ways(cloud: Cloud) -> None:
    classes = cloud.settings.dataset.classes
    source = Source("drawn", drawn.draw(classes, train_per_class=5, validation_per_class=5))

    (row,) = staging.run(cloud, source, repeats=1).rows

    assert row.ratio


def test_the_workflow_is_measured_beside_the_comparator_up_to_where_that_ends(
    cloud: Cloud,
) -> None:
    findings = workflow.run(cloud, pictures=[2, 100], repeats=1, cold_pictures=[1])

    rows = {row.what: row for row in findings.rows}
    assert rows["largest Map output"].ratio is not None
    assert rows["largest Map output"].ratio > workflow.AIM_STATE
    transitions = rows["state transitions"]
    assert [*transitions.ours, *transitions.theirs] == [costs.INLINE_TRANSITIONS, costs.STEPS]
    assert all(row.ours for row in findings.rows)
    assert rows["cold, 1 picture"].ratio
    (limit,) = (remark for remark in findings.remarks if "in one execution" in remark)
    assert "the comparator ends as FAILED, States.DataLimitExceeded" in limit


def test_nothing_of_the_benchmarks_is_left(cloud: Cloud) -> None:
    functions = boto3.client("lambda").list_functions()["Functions"]
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]

    assert cloud.functions()
    assert not [each for each in functions if each["FunctionName"].startswith(NAME)]
    assert not [each for each in machines if each["name"] == NAME]
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    assert not [bucket for bucket in buckets if bucket["Name"].startswith("benchmark-")]
