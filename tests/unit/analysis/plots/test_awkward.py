from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

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
from analysis.plots.style import INK, Plot, short, svg
from tests.class_names import HOSTILE

THRESHOLD = 0.93
START = pd.Timestamp("2025-11-20T23:59:58", tz="UTC")


def predictions(
    count: int, *, seconds: int = 3 * 3600, classes: int = 2, sure: bool = False, highest: float = 1
) -> pd.DataFrame:
    """The columns of a records' frame that plots are drawn from."""
    random = np.random.default_rng(1)
    best = random.integers(0, classes, count)
    confidence = np.ones(count) if sure else random.uniform(0.5, highest, count)
    right = random.random(count) < confidence
    after = np.sort(random.integers(0, seconds + 1, count))
    return pd.DataFrame(
        {
            "time": START + pd.to_timedelta(after, unit="s"),
            "best_class": pd.array(best, dtype="Int16"),
            "confidence": confidence,
            "true_class": pd.array(np.where(right, best, (best + 1) % classes), dtype="Int16"),
        }
    )


def every_plot(frame: pd.DataFrame, classes: tuple[str, ...]) -> list[Plot]:
    """All plots of a report on a labelled frame."""
    confidence = frame["confidence"].to_numpy(float)
    predicted, true_class = (
        frame[name].to_numpy(np.int64) for name in ("best_class", "true_class")
    )
    right = predicted == true_class
    choice = threshold.choose(confidence, right, present=THRESHOLD, costs=threshold.Costs())
    curve = [metrics.accepted_at(each, confidence, right) for each in choice.thresholds]
    matrix = metrics.confusion(true_class, predicted, classes=len(classes))
    return [
        confidence_over_time.plot(frame, threshold=THRESHOLD),
        confidence_per_class.plot(frame, classes=classes, threshold=THRESHOLD),
        share_accepted.plot(frame, threshold=THRESHOLD),
        predictions_over_time.plot(frame, classes=classes),
        confusion_matrix.plot(matrix, classes=classes),
        reliability.plot(metrics.calibration(confidence, right)),
        accepted_accuracy.plot(curve, marked=threshold.MARKED, present=THRESHOLD),
        threshold_cost.plot(choice, lowest=float(confidence.min())),
    ]


@pytest.mark.filterwarnings("error")  # matplotlib warns of what it cannot place
@pytest.mark.parametrize(
    ("count", "options"),
    [
        pytest.param(1, {}, id="one record"),
        pytest.param(3, {"highest": 0.6}, id="nothing is accepted"),
        pytest.param(2000, {"seconds": 40 * 86400, "classes": 3}, id="many, three classes"),
        pytest.param(
            1000, {"seconds": 0, "classes": 40, "sure": True}, id="all sure, in one second"
        ),
    ],
)
def test_a_slide_is_drawn(count: int, options: dict[str, Any]) -> None:
    frame = predictions(count, **options)
    # Between "$" and "$" matplotlib sees a formula, it hides names that begin with an underscore,
    # and names may be long.
    classes = tuple(rf"_$\{n}$ with a long name" for n in range(options.get("classes", 2)))

    ids, names = [], set()
    for plot in every_plot(frame, classes):
        names.add(plot.name)
        assert plot.alt and not plot.table.empty
        assert "nan" not in f"{plot.alt}{plot.table}", plot.name
        element = ElementTree.fromstring(svg(plot))
        ids += [each.get("id") for each in element.iter() if each.get("id")]
    assert len(set(ids)) == len(ids)
    assert len(names) == 8


@pytest.mark.filterwarnings("error")  # matplotlib's font lacks some of their characters
def test_class_names_may_be_any() -> None:
    drawn = [svg(plot) for plot in every_plot(predictions(300, classes=len(HOSTILE)), HOSTILE)]

    shown = {text for element in map(ElementTree.fromstring, drawn) for text in element.itertext()}
    assert {short(name) for name in HOSTILE} <= shown


@pytest.mark.filterwarnings("error")
def test_all_may_be_sure_at_a_threshold_of_1() -> None:
    frame = predictions(3, sure=True)

    assert svg(confidence_per_class.plot(frame, classes=("a", "b"), threshold=1))


def test_a_class_may_have_the_name_of_a_colour_and_the_same_plot_is_the_same_svg() -> None:
    plot = confusion_matrix.plot(np.eye(2, dtype=np.int64), classes=(INK, "motorcycle"))
    drawn = svg(plot)

    assert svg(plot) == drawn
    assert drawn.count(INK) == drawn.count(f">{INK}</text>") == 2


def test_a_threshold_that_accepts_nothing_is_named_in_the_legend() -> None:
    page = svg(every_plot(predictions(3, highest=0.6), ("a", "b"))[-2])

    assert "now: 0.93, accepts none" in page
    assert "(right to left)" not in page
