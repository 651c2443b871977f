"""What the demo found: as JSON for programs, as a table for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

SOURCES = {"cifar-100": "real CIFAR-100 pictures", "drawn": "drawn stand-in pictures"}


@dataclass(frozen=True, kw_only=True)
class Data:
    """The staged dataset."""

    source: str
    train: int
    validation: int


@dataclass(frozen=True, kw_only=True)
class Training:
    """The training job."""

    validation_accuracy: float


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """The execution of the state machine."""

    images: int
    accepted: int
    rejected: int
    errors: int
    accuracy: float | None
    """See `localcloud.demo.workflow.Outcome`."""
    notifications: int


@dataclass(frozen=True, kw_only=True)
class Captures:
    """What the endpoint captured."""

    records: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that was read back from the services."""

    data: Data
    training: Training
    workflow: Workflow
    captures: Captures
    left_after_destroy: list[str] | None
    """None where nothing was destroyed."""
    seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def table(self) -> Table:
        """The same for the terminal."""
        table = Table(
            "name",
            "value",
            title=f"Data: {SOURCES[self.data.source]}",
            title_justify="left",
            show_header=False,
        )
        table.columns[1].justify = "right"
        for section in (self._rows(), self._timing()):
            for name, value in section:
                table.add_row(name, value)
            table.add_section()
        return table

    def _rows(self) -> list[tuple[str, str]]:
        rows: list[tuple[str, Any]] = [
            ("pictures to train on", self.data.train),
            ("accuracy the training job reports", f"{self.training.validation_accuracy:.3f}"),
            ("pictures through the workflow", self.workflow.images),
            ("accepted", self.workflow.accepted),
            ("rejected", self.workflow.rejected),
            ("errors", self.workflow.errors),
            ("accuracy of best class, accepted or not", _accuracy(self.workflow.accuracy)),
            ("notifications", self.workflow.notifications),
            ("captures", self.captures.records),
        ]
        if self.left_after_destroy is not None:
            rows.append(("left after destroy", len(self.left_after_destroy)))
        return [(name, str(value)) for name, value in rows]

    def _timing(self) -> list[tuple[str, str]]:
        steps = [(name, f"{seconds:.1f} s") for name, seconds in self.seconds.items()]
        return [*steps, ("all steps", f"{sum(self.seconds.values()):.1f} s")]


def _accuracy(value: float | None) -> str:
    return "none was classified" if value is None else f"{value:.3f}"
