import numpy as np
import pandas as pd

from analysis import metrics, threshold
from analysis.plots import (
    accepted_accuracy,
    confidence_over_time,
    confidence_per_class,
    confusion_matrix,
    predictions_over_time,
    share_accepted,
    threshold_cost,
)
from analysis.plots.style import CLASS_COLOURS, Plot, class_colours, short_names, svg

FRAME = pd.DataFrame(
    {
        "time": pd.to_datetime(
            ["2024-10-15T14:05:12", "2024-10-15T14:05:59", "2024-10-15T14:07:00"], utc=True
        ),
        "best_class": pd.array([0, 1, 0], dtype="Int16"),
        "confidence": [0.93, 0.6, 0.9299],
    }
)
CLASSES = ("bicycle", "motorcycle")


def rows(plot: Plot) -> list[list[str]]:
    return [list(row) for row in plot.table.to_numpy()]


def test_a_confidence_at_the_threshold_is_accepted_one_below_it_is_not() -> None:
    drawn = share_accepted.plot(FRAME, threshold=0.93)

    assert rows(drawn) == [
        ["2024-10-15 14:05", "2", "1", "50.0%", "9.5% to 90.5%"],
        ["2024-10-15 14:07", "1", "0", "0.0%", "0.0% to 79.3%"],
    ]
    assert "33.3% overall" in drawn.alt


def test_confidence_over_time() -> None:
    drawn = confidence_over_time.plot(FRAME, threshold=0.93)

    assert [row[:3] for row in rows(drawn)] == [
        ["2024-10-15 14:05", "2", "0.600"],
        ["2024-10-15 14:07", "1", "0.930"],
    ]
    assert "33.3% of them at or above the threshold of 0.93" in drawn.alt


def test_confidence_per_class_shows_a_class_that_was_never_predicted() -> None:
    drawn = confidence_per_class.plot(FRAME, classes=(*CLASSES, "tank"), threshold=0.93)

    assert rows(drawn) == [
        ["bicycle", "2", "0.930", "50.0%"],
        ["motorcycle", "1", "0.600", "0.0%"],
        ["tank", "0", "", ""],
    ]


def test_predictions_over_time() -> None:
    drawn = predictions_over_time.plot(FRAME, classes=CLASSES)

    assert rows(drawn) == [["2024-10-15 14:05", "2", "1", "1"], ["2024-10-15 14:07", "1", "1", "0"]]
    assert "bicycle 66.7%, motorcycle 33.3%" in drawn.alt


def test_rare_classes_are_drawn_together() -> None:
    counts = [9, 1, 8, 7, 2, 6]

    assert class_colours(counts) == dict(zip((0, 2, 3, 5), CLASS_COLOURS, strict=True))


def test_the_confusion_matrix_names_the_most_frequent_mistake() -> None:
    drawn = confusion_matrix.plot(np.array([[8, 2], [1, 11]]), classes=CLASSES)

    assert rows(drawn) == [["bicycle", "8", "2"], ["motorcycle", "1", "11"]]
    assert "19 of them correct" in drawn.alt
    assert "bicycle taken for motorcycle, 2 times" in drawn.alt


def test_of_many_classes_those_with_the_most_mistakes_are_drawn_and_all_are_listed() -> None:
    matrix = np.diag(np.full(30, 8))
    matrix[29, :3] = 1, 4, 2
    matrix[7] = 0
    names = [f"a name with a long beginning, {number}" for number in range(30)]
    plot = confusion_matrix.plot(matrix, classes=names)

    table = rows(plot)
    assert len(table) == 30
    assert table[29] == [names[29], "15", "8", "53.3%", f"{names[1]}: 4"]
    assert table[5] == [names[5], "8", "8", "100.0%", ""]
    assert table[7] == [names[7], "0", "0", "", ""]
    assert "the 20 of 30 classes with the most mistakes" in plot.subtitle
    drawn = svg(plot)
    assert all(text in drawn for text in ("a name w…ning, 29<", "a name w…nning, 2<"))


def test_shortened_names_are_different() -> None:
    assert short_names(["Pick-up", "x" * 64]) == ["Pick-up", "x" * 17 + "…"]
    assert short_names(["scone with raisins, raw", "scone with raisins, burnt"]) == [
        "scone wi…ins, raw",
        "scone wi…s, burnt",
    ]
    alike = ["scone with raisins: no, burnt", "scone with raisins: yes, burnt"]
    assert len(set(short_names(alike))) == 2
    assert short_names(["焼" * 64]) == ["焼" * 8 + "…"]


def test_cost_and_accuracy_name_the_marked_the_present_and_the_cheapest_threshold() -> None:
    confidence = np.array([0.6, 0.7, 0.99, 0.99])
    right = np.array([False, True, True, True])
    choice = threshold.choose(confidence, right, present=0.97, costs=threshold.Costs())
    cost = {row[0]: row[1] for row in rows(threshold_cost.plot(choice, lowest=0.6))}
    curve = [metrics.accepted_at(each, confidence, right) for each in choice.thresholds]
    accuracy = accepted_accuracy.plot(curve, marked=threshold.MARKED, present=0.97)

    assert cost == {
        "0.66 (cheapest)": "250",
        **dict.fromkeys(["0.8", "0.9", "0.93", "0.95", "0.97 (now)"], "500"),
    }
    assert [row[:3] for row in rows(accuracy)] == [
        [name, "50.0%", "100.0%"] for name in ("0.8", "0.9", "0.93", "0.95", "0.97 (now)")
    ]
