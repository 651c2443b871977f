import json

import aws_cdk as cdk
import pytest

from stacks.constructs.common.algorithm_image import REPOSITORY, TABLE, TAG, AlgorithmImage


def image_in(region: str | None) -> tuple[cdk.Stack, AlgorithmImage]:
    stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(region=region))
    return stack, AlgorithmImage(stack, "Image")


@pytest.mark.parametrize(
    ("region", "account"),
    [
        # From the list of registry paths in the SageMaker documentation.
        ("us-east-1", "811284229777"),
        ("eu-west-1", "685385470294"),
        ("us-west-2", "433757028032"),
        ("ap-southeast-2", "544295431143"),
    ],
)
def test_the_registry_account_is_the_regions(region: str, account: str) -> None:
    stack, image = image_in(region)

    assert str(stack.resolve(image.uri)).count(f"{account}.dkr.ecr.{region}.") == 1


def test_without_a_region_cloudformation_looks_it_up() -> None:
    stack, image = image_in(None)

    assert "Fn::FindInMap" in json.dumps(stack.resolve(image.uri))


def test_a_region_without_the_algorithm_is_refused_by_name() -> None:
    with pytest.raises(Exception, match="region 'mx-central-1' does not offer"):
        image_in("mx-central-1")


def test_the_table_is_that_of_the_sagemaker_sdk() -> None:
    from sagemaker.core import image_uris

    config = image_uris.config_for_framework(REPOSITORY)

    assert json.loads(TABLE.read_text()) == config["versions"][TAG]["registries"]
