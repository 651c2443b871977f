"""CloudFormation's texts become the types of the API."""

from typing import Any

import pytest

from localcloud.sagemaker import contract
from localcloud.sagemaker.resources import typed


def test_numbers_and_booleans_may_be_texts() -> None:
    properties = {
        "ProductionVariants": [
            {"VariantName": "1", "InitialInstanceCount": "2", "InitialVariantWeight": "0.5"}
        ],
        "DataCaptureConfig": {"EnableCapture": "true", "InitialSamplingPercentage": "100"},
    }
    assert typed(contract.input_shape("CreateEndpointConfig"), properties) == {
        "ProductionVariants": [
            {"VariantName": "1", "InitialInstanceCount": 2, "InitialVariantWeight": 0.5}
        ],
        "DataCaptureConfig": {"EnableCapture": True, "InitialSamplingPercentage": 100},
    }


@pytest.mark.parametrize(
    "properties",
    [
        {"DataCaptureConfig": {"EnableCapture": "perhaps", "InitialSamplingPercentage": "many"}},
        {"Colour": {"deep": "1"}},
        {"ProductionVariants": "none"},
    ],
)
def test_the_rest_is_left_for_the_api_to_refuse(properties: dict[str, Any]) -> None:
    assert typed(contract.input_shape("CreateEndpointConfig"), properties) == properties
