"""What is known of one transform job while it runs and after."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from localcloud.sagemaker.s3 import Access
from localcloud.sagemaker.store import Record, now

LONGEST_FAILURE_REASON: Final = 1024
_ENDED: Final = frozenset({"Completed", "Failed", "Stopped"})


@dataclass(kw_only=True, eq=False)
class TransformJob(Record):
    """A transform job; its methods may be called by any thread."""

    status: str = "InProgress"
    container: dict[str, Any]
    """Container of its model, as it was when the job was created."""
    access: Access
    """That of its model: a transform job has no role of its own."""
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to end."""
        return self.status == "Stopping"

    def stop(self) -> bool:
        """Ask the job to end; False if it has ended, or was asked already."""
        with self._changed:
            if self.status != "InProgress":
                return False
            self.status = "Stopping"
            self.modified = now()
            return True

    def end(self, failure_reason: str | None = None) -> None:
        """End as Stopped if that was asked for, else as Failed for a reason, else as Completed."""
        with self._changed:
            if self.stopping:
                self.status = "Stopped"
            elif failure_reason is not None:
                self.status = "Failed"
                self.failure_reason = failure_reason[:LONGEST_FAILURE_REASON]
            else:
                self.status = "Completed"
            self.ended = self.modified = now()
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when the job has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.status in _ENDED)

    def description(self) -> dict[str, Any]:
        """Members of DescribeTransformJob and of the summaries of ListTransformJobs."""
        with self._changed:
            return {
                **self.request,
                "TransformJobArn": self.arn,
                "TransformJobStatus": self.status,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "TransformStartTime": self.started,
                "TransformEndTime": self.ended,
            }
