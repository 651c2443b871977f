"""The checks' assumptions about the templates, which they do not import, hold."""

import pytest
from aws_cdk.assertions import Template

from operations.datasets import BUCKET_OUTPUT, STORAGE_STACK
from operations.preflight import account, notifications
from settings import load
from stacks.constructs.common.algorithm_image import TABLE
from stacks.s3_layout import DATASETS
from stacks.storage import NOT_STAGED
from tests.infrastructure.synthesis import synthesize
from training.dataset import FOLDER


def templates() -> dict[str, Template]:
    return synthesize(load("dev"))


def test_the_templates_ask_for_this_bootstrap_version() -> None:
    template = templates()["Storage"].to_json()
    (rule,) = template["Rules"]["CheckBootstrapVersion"]["Assertions"]
    refused, _ = rule["Assert"]["Fn::Not"][0]["Fn::Contains"]
    assert int(refused[-1]) + 1 == account.REQUIRED_VERSION
    assert template["Parameters"]["BootstrapVersion"]["Default"] == account.VERSION_PARAMETER


@pytest.mark.parametrize(
    ("stack", "output"),
    [(STORAGE_STACK, BUCKET_OUTPUT), (notifications.STACK, notifications.TOPIC_OUTPUT)],
)
def test_the_stacks_have_these_outputs(stack: str, output: str) -> None:
    assert templates()[stack].find_outputs(output)


def test_the_endpoint_is_in_this_stack() -> None:
    found = templates()[account.ENDPOINT_STACK].find_resources(account.ENDPOINT_TYPE)
    assert [resource["Properties"]["EndpointName"] for resource in found.values()] == [
        load("dev").endpoint_name
    ]


def test_the_table_of_regions_is_that_of_the_stacks() -> None:
    assert str(account.TABLE) == str(TABLE)


def test_staging_and_stacks_have_the_same_folder_of_datasets() -> None:
    assert DATASETS.path == FOLDER
    assert not NOT_STAGED.startswith(f"{FOLDER}/")
