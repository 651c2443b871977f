"""What checks share: the deployed application, and evidence that is gathered once."""

import ipaddress
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from localcloud.demo.acceptance import counted_lines, pictures, trainings
from localcloud.demo.acceptance.counted_lines import CountedLines
from localcloud.demo.acceptance.transforms import Transform, put_manifest
from localcloud.demo.acceptance.update import Update, update_under_load
from localcloud.demo.staged import StagedDataset
from localcloud.demo.workflow import ExecutionFailedError, Notice, Outcome, judge
from localcloud.deployment import Application
from operations.aws import session
from operations.bulk import Run, Summary, follow, start
from operations.sweep import existing_stacks
from settings.s3_uris import S3Uri

T = TypeVar("T")
P = ParamSpec("P")

CAPTURES_APPEAR_SECONDS = {"aws": 900.0, "local": 15.0}
NOTICE_SECONDS = {"aws": 60.0, "local": 5.0}
LOG_SECONDS = {"aws": 300.0, "local": 0.0}
TRANSFORM_SECONDS = {"aws": 2400.0, "local": 60.0}
TRAINING_SECONDS = {"aws": 2400.0, "local": 60.0}
POLL_SECONDS = {"aws": 15.0, "local": 0.25}


class NotReachedError(Exception):
    """Something that a check needs is missing; the message says why."""


def is_local(environment: Mapping[str, str]) -> bool:
    """Return whether AWS_ENDPOINT_URL is a loopback address: an emulator, and no account."""
    host = urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def once(
    method: Callable[Concatenate["Context", P], T],
) -> Callable[Concatenate["Context", P], T]:
    """Run a method once for its arguments; then return the same, or raise for the same reason."""

    @wraps(method)
    def remembered(self: "Context", /, *args: P.args, **kwargs: P.kwargs) -> T:
        known, key = self._evidence, (method.__name__, *args)
        if key not in known:
            try:
                known[key] = method(self, *args, **kwargs)
            except Exception as error:
                known[key] = error
        value = known[key]
        if isinstance(value, NotReachedError):
            raise value
        if isinstance(value, Exception):
            what = method.__name__.replace("_", " ")
            raise NotReachedError(f"{what}: {value or repr(value)}") from value
        result: T = value
        return result

    return remembered


@dataclass
class Context:
    """The application under test, and what was gathered of it."""

    application: Application
    local: bool = field(default_factory=lambda: is_local(os.environ))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    not_deployed: str = ""
    """Why the deployment failed; empty if it succeeded."""
    _evidence: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    # --- waiting ---------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """Return the key of this cloud in the tables of seconds."""
        return "local" if self.local else "aws"

    def wait_for(
        self, what: str, look: Callable[[], T | None], *, within: Mapping[str, float]
    ) -> T | None:
        """Return what `look` returns as soon as that is something; None when time is up.

        `within` has the seconds by kind of cloud.
        """
        deadline = time.monotonic() + within[self.kind]
        with self.application.steps.step(f"wait for {what}") as say:
            while True:
                if (found := look()) is not None or time.monotonic() > deadline:
                    return found
                say(f"{deadline - time.monotonic():.0f} s left")
                time.sleep(POLL_SECONDS[self.kind])

    # --- what is deployed ------------------------------------------------------------------------

    def require_deployed(self) -> None:
        """Raise NotReachedError if the deployment failed."""
        if self.not_deployed:
            raise NotReachedError(f"not deployed: {self.not_deployed.splitlines()[0]}")

    def output(self, stack: str, key: str) -> str:
        """Return one output of a stack ("Storage", ...).

        Raises:
            NotReachedError: the application is not deployed, or lacks it.
        """
        self.require_deployed()
        try:
            return self.application.output(stack, key)
        except KeyError as error:
            raise NotReachedError(f"stack {stack} has no output {key}") from error

    def resources(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """Yield stack, logical id and physical id of each deployed resource of one type."""
        self.require_deployed()
        paginator = session().client("cloudformation").get_paginator("list_stack_resources")
        for stack in existing_stacks(self.application.settings):
            for each in paginator.paginate(StackName=stack).search("StackResourceSummaries[]"):
                if each and each["ResourceType"] == kind and each.get("PhysicalResourceId"):
                    yield stack, each["LogicalResourceId"], each["PhysicalResourceId"]

    @once
    def dataset(self) -> StagedDataset:
        """Return the staged dataset."""
        self.output("Storage", "DataBucketName")
        return self.application.staged()

    @once
    def endpoint(self) -> dict[str, Any]:
        """Return the description of the endpoint as it was deployed first."""
        name = self.output("Inference", "EndpointName")
        return dict(session().client("sagemaker").describe_endpoint(EndpointName=name))

    # --- pictures --------------------------------------------------------------------------------

    def content(self, key: str) -> bytes:
        """Return an object of the data bucket."""
        bucket = self.output("Storage", "DataBucketName")
        body: bytes = session().client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    @once
    def undecodable_key(self) -> str:
        """Put a picture that has all parts of a PNG and no pixels; return its key."""
        key = f"acceptance/{pictures.UNDECODABLE}"
        session().client("s3").put_object(
            Bucket=self.output("Storage", "DataBucketName"), Key=key, Body=pictures.undecodable()
        )
        return key

    def probabilities(self, content: bytes) -> list[float]:
        """Return the endpoint's answer to one picture."""
        return pictures.probabilities(self.output("Inference", "EndpointName"), content)

    # --- evidence --------------------------------------------------------------------------------

    @once
    def classified(self) -> tuple[dict[str, Any], list[Notice]]:
        """Run the validation pictures through the workflow; return its output and the notices."""
        self.output("Workflow", "StateMachineArn")
        truth = self.dataset().truth
        with self.application.listening() as receive:
            output = self.application.classify(truth)
            counts = output["counts"]
            # Other messages are about other executions, such as a transform that ended meanwhile.
            attention = f"{counts['images'] - counts['accepted']} of {counts['images']} images"
            notices: list[Notice] = []

            def received() -> bool | None:
                notices.extend(each for each in receive() if attention in each.get("Subject", ""))
                return True if notices else None

            if counts["accepted"] < counts["images"]:
                self.wait_for("the notice", received, within=NOTICE_SECONDS)
        return output, notices

    @once
    def outcome(self) -> Outcome:
        """Return how the execution over the validation pictures ended."""
        return judge(self.classified()[0], self.dataset().truth)

    @once
    def spoiled(self) -> dict[str, Any]:
        """Return the output of an execution over a good picture and one without pixels."""
        good = next(iter(self.dataset().truth))
        return self.application.classify([good, self.undecodable_key()])

    @once
    def captured(self) -> int:
        """Wait for the captures of the execution; return their number."""
        outcome = self.outcome()
        return self.application.read_captures(
            expected=outcome.images - outcome.errors,
            within_seconds=CAPTURES_APPEAR_SECONDS[self.kind],
        )

    def pictures_in_executions(self) -> int:
        """Return how many pictures the workflow has judged, in all executions."""
        return len(self.classified()[0]["results"]) + len(self.spoiled()["results"])

    @once
    def counted_lines(self) -> list[CountedLines]:
        """Wait for the log lines of the executions; return what each metric filter has counted."""
        expected = self.pictures_in_executions()
        names = [physical for _, _, physical in self.resources("AWS::Logs::MetricFilter")]
        found: list[CountedLines] = []

        def all_logged() -> bool | None:
            found[:] = [counted_lines.read(name, since=self.began) for name in names]
            return True if sum(len(each.messages) for each in found) >= expected else None

        self.wait_for("log lines", all_logged, within=LOG_SECONDS)
        return found

    @once
    def bulk(self) -> tuple[Run, Summary, list[dict[str, Any]]]:
        """Run bulk classification over the validation pictures; return its lines, too."""
        self.output("Batch", "BulkStateMachineArn")
        prefix = next(iter(self.dataset().truth)).rpartition("/")[0]
        bucket = self.output("Storage", "DataBucketName")
        with self.application.steps.step("bulk classification") as say:
            run = start(self.application.settings, {"prefix": f"s3://{bucket}/{prefix}/"})
            summary = follow(run, lambda done, total: say(f"{done} of {total}"))
        text = read_text(summary.location)
        return run, summary, [json.loads(line) for line in text.splitlines()]

    @once
    def transforms(self) -> dict[str, Transform]:
        """Put a manifest of good pictures, and one with a picture without pixels among them."""
        machine = self.output("Batch", "BatchTransformStateMachineArn")
        bucket = self.output("Storage", "DataBucketName")
        folder = self.output("Batch", "BatchInputUri").removeprefix(f"s3://{bucket}/")
        some = list(self.dataset().truth)[:20]
        return {
            name: Transform(
                machine, bucket, put_manifest(bucket, f"{folder}{name}.json", keys), keys
            )
            for name, keys in (
                ("good", tuple(some)),
                ("spoiled", (*some, self.undecodable_key())),
            )
        }

    @once
    def stacks_job(self) -> dict[str, Any]:
        """Return the training job of the stack, though it failed and the deployment with it."""
        if not self.not_deployed:
            return self.application.training_job()
        job = trainings.latest(self.application.settings, since=self.began)
        if job is None:
            raise NotReachedError(f"no training job: {self.not_deployed.splitlines()[0]}")
        return job

    @property
    def other_presets(self) -> list[str]:
        """Presets that the stack's training job does not have."""
        own = self.application.settings.training.preset
        return [each for each in trainings.PRESETS if each != own]

    @once
    def other_job(self, preset: str) -> str:
        """Start a training job with another preset than the stack's; return its name."""
        return trainings.start_copy(self.stacks_job(), self.application.settings, preset)

    @once
    def job_of(self, preset: str) -> dict[str, Any]:
        """Return the ended training job with a preset: that of the stack, or the other one."""
        if preset == self.application.settings.training.preset:
            return self.stacks_job()
        name = self.other_job(preset)
        client = session().client("sagemaker")

        def ended() -> dict[str, Any] | None:
            job = dict(client.describe_training_job(TrainingJobName=name))
            return None if job["TrainingJobStatus"] in ("InProgress", "Stopping") else job

        found = self.wait_for("the other training job", ended, within=TRAINING_SECONDS)
        if found is None:
            raise NotReachedError(f"training job {name} did not end in time")
        return found

    @once
    def transformed(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the output of the execution of one of `transforms`, and its job's description.

        Raises:
            ExecutionFailedError: the execution did not succeed.
        """
        transform = self.transforms()[name]
        execution = self.wait_for(
            f"the transform job ({name})", transform.ended_execution, within=TRANSFORM_SECONDS
        )
        if execution is None:
            raise NotReachedError(f"no execution of {transform.manifest} ended in time")
        if execution["status"] != "SUCCEEDED":
            raise ExecutionFailedError(
                f"{execution['status']}: {execution.get('error')}: {execution.get('cause')}"
            )
        output = json.loads(execution["output"])
        job = transform.folder(output).rpartition("/")[2]
        described = session().client("sagemaker").describe_transform_job(TransformJobName=job)
        return output, dict(described)

    @once
    def updated(self) -> Update:
        """Move the endpoint to another model while it is called."""
        self.output("Inference", "EndpointName")
        key = next(iter(self.dataset().truth))
        with self.application.steps.step("update the endpoint under load") as say:
            return update_under_load(
                self.application, self.content(key), say, poll_seconds=POLL_SECONDS[self.kind]
            )

    def loaded(self) -> datetime:
        """Return when the endpoint was called by the update last, or now if it never was."""
        update = self._evidence.get(("updated",))
        return update.ended if isinstance(update, Update) else datetime.now(UTC)

    def seconds_left_after_the_load(self, most: float) -> float:
        """Return what is left of so many seconds since the endpoint was called last."""
        return max(0.0, most - (datetime.now(UTC) - self.loaded()).total_seconds())


def read_text(uri: str) -> str:
    """Return the text of an object `s3://bucket/key`."""
    found = S3Uri.parse_object(uri)
    answer = session().client("s3").get_object(Bucket=found.bucket, Key=found.key)
    body: bytes = answer["Body"].read()
    return body.decode()
