import json
from pathlib import Path

from rich.console import Console

from localcloud.demo.summary import Summary
from localcloud.demo.workflow import Outcome
from operations.datasets import StagedPictures

SUMMARY = Summary(
    dataset=StagedPictures("drawn", 1000, {str(number): "bicycle" for number in range(200)}),
    validation_accuracy=0.925,
    outcome=Outcome(images=200, accepted=120, rejected=80, errors=0, accuracy=0.925),
    notifications=1,
    captures=200,
    left_after_destroy=["bucket: forgotten"],
    seconds={"bootstrap": 8.0, "destroy": 12.5},
)


def test_summary_json(tmp_path: Path) -> None:
    SUMMARY.write(tmp_path / "summary.json")

    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "data": {"source": "drawn", "train": 1000, "validation": 200},
        "training": {"validation_accuracy": 0.925},
        "workflow": {
            "images": 200,
            "accepted": 120,
            "rejected": 80,
            "errors": 0,
            "accuracy": 0.925,
            "notifications": 1,
        },
        "captures": {"records": 200},
        "left_after_destroy": ["bucket: forgotten"],
        "seconds": {"bootstrap": 8.0, "destroy": 12.5},
    }


def test_the_table_says_plainly_where_the_pictures_came_from() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(SUMMARY.table())

    assert "drawn stand-in pictures" in capture.get()
    assert "20.5 s" in capture.get()
