"""The benchmarks with few pictures: that every row comes out, not how fast anything is."""

import re
from pathlib import Path

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

    speed, client, _ = staging.run(cloud, source, repeats=1).rows

    assert speed.ratio
    assert client.ratio


SDK = """
import boto3

class Predictor:
    def __init__(self, endpoint_name):
        self.endpoint_name = endpoint_name
        self.client = boto3.client("sagemaker-runtime")

    def predict(self, data):
        assert self.serializer.content_type == "image/png"
        return self.client.invoke_endpoint(
            EndpointName=self.endpoint_name, ContentType="image/png", Body=data
        )["Body"].read()
"""
SERIALIZERS = """
class IdentitySerializer:
    def __init__(self, content_type):
        self.content_type = content_type
"""


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """What the comparator's handler takes of the SageMaker SDK v2, which has 280 MB."""
    package = tmp_path / "sdk" / "sagemaker"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from sagemaker import predictor\n")
    (package / "predictor.py").write_text(SDK)
    (package / "serializers.py").write_text(SERIALIZERS)
    return package.parent


def test_the_workflow_is_measured_beside_the_comparators_up_to_where_these_end(
    cloud: Cloud, sdk: Path
) -> None:
    findings = workflow.run(cloud, pictures=[2, 100], repeats=1, cold_pictures=[1], sdk=sdk)

    rows = {row.what: row for row in findings.rows}
    assert rows["largest Map output"].ratio is not None
    assert rows["largest Map output"].ratio > workflow.AIM_STATE
    transitions = rows["state transitions"]
    assert [*transitions.ours, *transitions.theirs] == [costs.STEPS, costs.STEPS]
    assert rows["cold, 1 picture"].ratio
    assert rows["beside the SDK's Predictor: warm, 40 pictures"].ratio
    (size,) = rows["the SDK of that Predictor, unzipped"].theirs
    assert size == len(SDK + SERIALIZERS + "from sagemaker import predictor\n")
    assert all(row.ours for row in findings.rows if "unzipped" not in row.what)
    (limit,) = (remark for remark in findings.remarks if "in one execution" in remark)
    assert "the comparator ends as FAILED, States.DataLimitExceeded" in limit
    (where,) = (remark for remark in findings.remarks if remark.startswith("Where the time goes"))
    assert re.search(r"take \d+\.\d ms of that process \(GetObject \d", where)


def test_nothing_of_the_benchmarks_is_left(cloud: Cloud) -> None:
    functions = boto3.client("lambda").list_functions()["Functions"]
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]

    assert cloud.functions()
    assert not [each for each in functions if each["FunctionName"].startswith(NAME)]
    assert not [each for each in machines if each["name"] == NAME]
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    assert not [bucket for bucket in buckets if bucket["Name"].startswith("benchmark-")]
