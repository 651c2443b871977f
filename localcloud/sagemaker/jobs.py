"""The life of a job, which training and transform jobs share."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from localcloud.sagemaker.contract import invalid
from localcloud.sagemaker.records import Operation, Record, Scope, Table, now

_ENDED: Final = frozenset({"Completed", "Failed", "Stopped"})


@dataclass(kw_only=True, eq=False)
class Job(Record):
    """A job; its methods may be called by any thread."""

    status: str = "InProgress"
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)
    """Guards all other fields."""

    @property
    def stopping(self) -> bool:
        """Return whether the job was asked to end."""
        return self.status == "Stopping"

    def stop(self) -> bool:
        """Ask the job to end; return False if it has ended."""
        with self.changed:
            if self.status in _ENDED:
                return False
            self.status = "Stopping"
            self.modified = now()
            return True

    def end(self, failure_reason: str | None) -> None:
        """End as Stopped if that was asked for, else as Failed for a reason, else as Completed."""
        with self.changed:
            if self.stopping:
                self.status = "Stopped"
            elif failure_reason is not None:
                self.status = "Failed"
                self.failure_reason = failure_reason
            else:
                self.status = "Completed"
            self.ended = self.modified = now()
            self.changed.notify_all()

    def wait(self) -> None:
        """Return when the job has ended."""
        with self.changed:
            self.changed.wait_for(lambda: self.status in _ENDED)

    def description(self) -> dict[str, Any]:
        """Return the members that all jobs describe, and those of the request."""
        kind = self.prefix.removesuffix("Job")
        return super().description() | {
            f"{self.prefix}Status": self.status,
            "FailureReason": self.failure_reason,
            "LastModifiedTime": self.modified,
            f"{kind}StartTime": self.started,
            f"{kind}EndTime": self.ended,
        }


def stop(jobs: Table[Any], noun: str) -> Operation:
    """Return the Stop operation of a type of jobs."""

    def stop_job(scope: Scope, request: dict[str, Any]) -> None:
        job: Job = jobs.get(scope, request[f"{jobs.record.prefix}Name"])
        if not job.stop():
            raise invalid(f"The request was rejected because the {noun} is in status {job.status}.")

    return stop_job
