"""Image URIs stand for local algorithms by their repository alone."""

import pytest

from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.images import ALGORITHMS, algorithm_of


@pytest.mark.parametrize(
    "image",
    [
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
        "685385470294.dkr.ecr.eu-west-1.amazonaws.com/image-classification:latest",
        "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/image-classification:1",
        "433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification",
        f"433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification@sha256:{'0' * 64}",
    ],
)
def test_account_region_and_tag_do_not_matter(image: str) -> None:
    assert algorithm_of(image) is ALGORITHMS["image-classification"]


@pytest.mark.parametrize(
    "image",
    [
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/my/image-classification:1",
        "image-classification:1",
        "docker.io/library/image-classification:1",
    ],
)
def test_another_image_is_refused_by_name(image: str) -> None:
    with pytest.raises(ApiError) as refusal:
        algorithm_of(image)
    assert image in refusal.value.message
    assert "image-classification" in refusal.value.message
