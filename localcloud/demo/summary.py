"""Summarize the demo, as JSON for programs and as a table for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from localcloud.demo.workflow import Outcome
from operations.datasets import StagedPictures

SOURCES = {
    "cifar-100": "real CIFAR-100 pictures",
    "drawn": "drawn stand-in pictures",
    "folder": "pictures of a folder",
    "manifest": "pictures of a list",
}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that was read back from the services."""

    dataset: StagedPictures
    validation_accuracy: float | None
    """As the training job reports it."""
    outcome: Outcome
    notifications: int
    captures: int
    left_after_destroy: list[str] | None
    """None if nothing was destroyed."""
    seconds: Mapping[str, float]
    """By step."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        content = {
            "data": {
                "source": self.dataset.source,
                "train": self.dataset.train,
                "validation": len(self.dataset.ground_truth),
            },
            "training": {"validation_accuracy": self.validation_accuracy},
            "workflow": {**asdict(self.outcome), "notifications": self.notifications},
            "captures": {"records": self.captures},
            "left_after_destroy": self.left_after_destroy,
            "seconds": dict(self.seconds),
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def table(self) -> Table:
        """Return the table for the terminal."""
        title = f"Data: {SOURCES[self.dataset.source]}"
        table = Table("name", "value", title=title, title_justify="left", show_header=False)
        table.columns[1].justify = "right"
        figures: list[tuple[str, Any]] = [
            ("pictures to train on", self.dataset.train),
            ("pictures to validate with", len(self.dataset.ground_truth)),
            ("accuracy the training job reports", _share(self.validation_accuracy)),
            ("pictures through the workflow", self.outcome.images),
            ("accepted", self.outcome.accepted),
            ("rejected", self.outcome.rejected),
            ("errors", self.outcome.errors),
            ("accuracy of best class, accepted or not", _share(self.outcome.accuracy)),
            ("notifications", self.notifications),
            ("captures", self.captures),
        ]
        if self.left_after_destroy is not None:
            figures.append(("left after destroy", len(self.left_after_destroy)))
        timing = [*self.seconds.items(), ("all steps", sum(self.seconds.values()))]
        for name, value in figures:
            table.add_row(name, str(value))
        table.add_section()
        for name, seconds in timing:
            table.add_row(name, f"{seconds:.1f} s")
        return table


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
