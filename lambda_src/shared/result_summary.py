"""Count a run's results and pick the pictures that its message names, as the workflow does."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .messages import sendable

# Pictures that the message names, of each status: as messages.MAX_NAMED, and no more.
MAX_NAMED = 20
# Fewer pictures if their keys are long: the state machine carries 262,144 bytes.
MAX_NAMED_BYTES = 100_000
# Letters of a reason that the state machine carries.
MAX_REASON = 250

STATUSES = ("accepted", "rejected", "failed")


@dataclass
class ResultSummary:
    """Results counted by status; of those that are not accepted, the first are named."""

    bucket: str  # of the pictures
    counts: Counter[str] = field(default_factory=Counter)
    named: list[dict[str, Any]] = field(default_factory=list)
    _named_bytes: Counter[str] = field(default_factory=Counter)

    def add(self, line: dict[str, Any]) -> None:
        """Count a line, which has `status`, and as its status demands `key`, `error`, `reason`."""
        status = line["status"]
        self.counts[status] += 1
        if status in ("rejected", "failed") and self.counts[status] <= MAX_NAMED:
            named = self._as_in_the_workflow(line)
            self._named_bytes[status] += len(json.dumps(named))
            if self._named_bytes[status] <= MAX_NAMED_BYTES:
                self.named.append(named)

    def counts_with(self, *, folders: int) -> dict[str, int]:
        """Return the counts of pictures and, apart from them, of empty folders."""
        counts = {status: self.counts[status] for status in STATUSES}
        return {"images": sum(counts.values()), **counts, "folders": folders}

    def _as_in_the_workflow(self, line: dict[str, Any]) -> dict[str, Any]:
        key, reason = line["key"], sendable(line["reason"][:MAX_REASON])
        body = {"s3_bucket": self.bucket, "s3_key": sendable(key)} if key else {}
        if line["status"] == "rejected":
            return {"verdict": "rejected", "body": {**body, "reason": reason}}
        error = sendable(line["error"])
        return {"verdict": "failed", "error": error, "cause": reason, "body": body}
