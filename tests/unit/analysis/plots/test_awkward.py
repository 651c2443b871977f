"""Every picture can be drawn from any data, with its text alternative and its table."""

import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis import metrics, threshold
from analysis.plots import (
    accepted_accuracy,
    confidence_over_time,
    confidence_per_class,
    confusion_matrix,
    predictions_over_time,
    reliability,
    share_accepted,
    threshold_cost,
)
from analysis.plots.style import INK, Picture, png, svg

THRESHOLD = 0.93


def every_picture(frame: pd.DataFrame, classes: tuple[str, ...]) -> list[Picture]:
    """All that a report draws of a frame with a known truth."""
    confidence = frame["confidence"].to_numpy(float)
    predicted, truth = (frame[name].to_numpy(np.int64) for name in ("best_class", "truth"))
    right = predicted == truth
    choice = threshold.choose(confidence, right, present=THRESHOLD, costs=threshold.Costs())
    curve = metrics.accepted(confidence, right, choice.thresholds)
    matrix = metrics.confusion(truth, predicted, classes=len(classes))
    return [
        confidence_over_time.picture(frame, threshold=THRESHOLD, source="s3://captures" * 20),
        confidence_per_class.picture(frame, classes=classes, threshold=THRESHOLD),
        share_accepted.picture(frame, threshold=THRESHOLD),
        predictions_over_time.picture(frame, classes=classes),
        confusion_matrix.picture(matrix, classes=classes),
        reliability.picture(metrics.calibration(confidence, right)),
        accepted_accuracy.picture(curve, marked=threshold.MARKED, present=THRESHOLD),
        threshold_cost.picture(choice, lowest=float(confidence.min())),
    ]


@pytest.mark.filterwarnings("error")  # matplotlib warns of what it cannot place
@pytest.mark.parametrize(
    ("count", "options"),
    [
        pytest.param(1, {}, id="one record"),
        pytest.param(3, {"highest": 0.6}, id="nothing is accepted"),
        pytest.param(10_000, {"seconds": 40 * 86400, "classes": 3}, id="many, three classes"),
        pytest.param(
            4000, {"seconds": 0, "classes": 40, "sure": True}, id="all sure, in one second"
        ),
    ],
)
def test_a_slide_is_drawn(
    count: int, options: dict[str, Any], predictions: Callable[..., pd.DataFrame]
) -> None:
    frame = predictions(count, **options)
    # Between "$" and "$" matplotlib sees a formula, it hides names that begin with an underscore,
    # and names may be long.
    classes = tuple(rf"_$\{n}$ with a long name" for n in range(options.get("classes", 2)))

    ids = []
    for picture in every_picture(frame, classes):
        with Image.open(io.BytesIO(png(picture))) as image:
            assert image.size == (1600, 900), picture.name
        assert picture.alt and not picture.table.empty
        assert "nan" not in f"{picture.alt}{picture.table}", picture.name
        element = ElementTree.fromstring(svg(picture))
        ids += [each.get("id") for each in element.iter() if each.get("id")]
    assert len(set(ids)) == len(ids)


@pytest.mark.filterwarnings("error")
def test_all_may_be_sure_at_a_threshold_of_1(predictions: Callable[..., pd.DataFrame]) -> None:
    frame = predictions(3, sure=True)

    assert svg(confidence_per_class.picture(frame, classes=("a", "b"), threshold=1))


def test_names_of_the_pictures_differ(predictions: Callable[..., pd.DataFrame]) -> None:
    names = [picture.name for picture in every_picture(predictions(50), ("bicycle", "motorcycle"))]

    assert len(set(names)) == len(names)


def test_a_class_may_have_the_name_of_a_colour() -> None:
    drawn = svg(confusion_matrix.picture(np.eye(2, dtype=np.int64), classes=(INK, "motorcycle")))

    assert drawn.count(INK) == drawn.count(f">{INK}</text>") == 2


def test_the_same_figures_give_the_same_svg(predictions: Callable[..., pd.DataFrame]) -> None:
    for first, second in zip(
        *(every_picture(predictions(50), ("bicycle", "motorcycle")) for _ in range(2)), strict=True
    ):
        assert svg(first) == svg(second)
