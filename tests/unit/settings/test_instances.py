import pytest
from botocore.loaders import Loader

from settings.instances import ENDPOINT_FAMILIES, TRAINING_FAMILIES
from settings.loader import validate


def known(shape: str, families: tuple[str, ...]) -> list[str]:
    """Instance types of these families in the enumeration of SageMaker's API."""
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return [type_ for type_ in shapes[shape]["enum"] if type_.split(".")[1] in families]


@pytest.mark.parametrize(
    ("section", "shape", "families"),
    [
        ("training", "TrainingInstanceType", TRAINING_FAMILIES),
        ("endpoint", "ProductionVariantInstanceType", ENDPOINT_FAMILIES),
    ],
)
def test_every_size_that_sagemaker_has_is_accepted(
    section: str, shape: str, families: tuple[str, ...]
) -> None:
    types = known(shape, families)

    assert {type_.split(".")[1] for type_ in types} == set(families)
    for type_ in types:
        validate({section: {"instance_type": type_}}, environment="test", source="test.toml")
