import re

import pytest

from operations.staging import baseline_shortage
from settings import Settings
from settings.loader import validate


def settings_with(**drift: object) -> Settings:
    return validate({"drift": drift}, environment="dev", source="test")


@pytest.mark.parametrize(
    ("shares", "motorcycles", "says"),
    [
        ([], 24, "24 validation pictures of 'motorcycle'; .* 50 or more in all, 25 of that class"),
        ([0.9, 0.1], 4, "4 validation pictures of 'motorcycle'; .* 5 of that class"),
        ([0.1, 0.9], 44, "44 validation pictures of 'motorcycle'; .* 45 of that class"),
    ],
)
def test_the_class_that_lacks_pictures_is_named(
    shares: list[float], motorcycles: int, says: str
) -> None:
    settings = settings_with(class_shares=shares)

    lacking = baseline_shortage({"bicycle": 100, "motorcycle": motorcycles}, settings)
    assert lacking is not None and re.match(says, lacking)
    assert "stage more, or set drift.enabled = false" in lacking
    assert baseline_shortage({"bicycle": 100, "motorcycle": motorcycles + 1}, settings) is None


def test_own_pictures_need_enough_in_all_however_unbalanced_they_are() -> None:
    settings = validate({"dataset": {"source": "folder"}}, environment="dev", source="test")

    assert baseline_shortage({"scone": 49, "burnt": 1}, settings) is None
    lacking = baseline_shortage({"scone": 48, "burnt": 1}, settings)
    assert lacking is not None and lacking.startswith("49 validation pictures; a baseline takes 50")


def test_without_a_drift_detector_any_number_is_enough() -> None:
    assert baseline_shortage({"bicycle": 1, "motorcycle": 1}, settings_with(enabled=False)) is None
