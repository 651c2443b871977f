"""What is known of one training job while it runs and after."""

import math
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from localcloud.sagemaker import processes
from localcloud.sagemaker.images import Algorithm, algorithm_of
from localcloud.sagemaker.s3 import Access
from localcloud.sagemaker.store import Record, now

ENDED: Final = frozenset({"Completed", "Failed", "Stopped"})
LONGEST_FAILURE_REASON: Final = 1024

StopCause = Literal["Stopped", "MaxRuntimeExceeded"]


@dataclass(kw_only=True, eq=False)
class TrainingJob(Record):
    """A training job; its methods may be called by any thread."""

    status: str = "InProgress"
    transitions: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    failure_reason: str | None = None
    artifacts: str | None = None

    stop_cause: StopCause | None = None
    _process: subprocess.Popen[str] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def algorithm(self) -> Algorithm:
        """The local algorithm that the job runs."""
        return algorithm_of(self.request["AlgorithmSpecification"]["TrainingImage"])

    @property
    def access(self) -> Access:
        """With which the job reads its channels and writes its model."""
        return Access(scope=self.scope, role=self.request["RoleArn"])

    def enter(self, secondary_status: str, message: str) -> None:
        """Begin a phase."""
        with self._lock:
            self.modified = now()
            if self.transitions:
                self.transitions[-1]["EndTime"] = self.modified
            self.transitions.append(
                {"Status": secondary_status, "StartTime": self.modified, "StatusMessage": message}
            )

    def complete(self) -> None:
        """End as Completed, or as the stop that was asked for meanwhile."""
        with self._lock:
            if self.stop_cause is None:
                self._end("Completed", "Completed", "Training job completed")
            else:
                self._end("Stopped", self.stop_cause, "Training job stopped")

    def fail(self, reason: str) -> None:
        """End as Failed."""
        with self._lock:
            self.failure_reason = reason[:LONGEST_FAILURE_REASON]
            self._end("Failed", "Failed", "Training job failed")

    def _end(self, status: str, secondary_status: str, message: str) -> None:
        self.enter(secondary_status, message)
        self.status = status
        self.ended = self.transitions[-1]["EndTime"] = self.modified

    def add_metric(self, name: str, value: float) -> None:
        """Note the newest value of a metric."""
        with self._lock:
            self.metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now()}

    def attach(self, process: subprocess.Popen[str]) -> None:
        """Make `process` the one that `stop` ends; a stop that came before ends it now."""
        with self._lock:
            self._process = process
            stopping = self.stop_cause is not None
        if stopping:
            processes.stop(process)

    def stop(self, cause: StopCause) -> bool:
        """Ask the job to end, and end its process in the background; False if it has ended."""
        with self._lock:
            if self.status in ENDED:
                return False
            if self.stop_cause is None:
                self.stop_cause = cause
                self.status = "Stopping"
                self.enter("Stopping", "Stopping the training job")
                if self._process is not None:
                    threading.Thread(target=processes.stop, args=(self._process,)).start()
            return True

    def description(self) -> dict[str, Any]:
        """Members of DescribeTrainingJob and of the summaries of ListTrainingJobs."""
        specification = self.request["AlgorithmSpecification"]
        definitions = [
            {"Name": name, "Regex": regex} for name, regex in self.algorithm.metrics.items()
        ]
        with self._lock:
            seconds = self._seconds()
            return {
                **self.request,
                "AlgorithmSpecification": {**specification, "MetricDefinitions": definitions},
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.transitions[-1]["Status"],
                "SecondaryStatusTransitions": [dict(item) for item in self.transitions],
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "TrainingStartTime": self.started,
                "TrainingEndTime": self.ended,
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
                "ModelArtifacts": self.artifacts and {"S3ModelArtifacts": self.artifacts},
                "FinalMetricDataList": list(self.metrics.values()) or None,
            }

    def _seconds(self) -> int | None:
        if self.started is None or self.ended is None:
            return None
        return max(1, math.ceil((self.ended - self.started).total_seconds()))
