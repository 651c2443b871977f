"""Share among the checks: the deployed application, and evidence that is gathered once."""

import ipaddress
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from localcloud.demo import captures
from localcloud.demo.acceptance import pictures
from localcloud.demo.workflow import Notice, Outcome, classify, judge, listening
from localcloud.deployment import Application
from operations.aws import session
from operations.datasets import StagedPictures, read_staged
from operations.sweep import existing_stacks
from settings.s3_uris import S3Uri

T = TypeVar("T")
P = ParamSpec("P")

JOB_SECONDS = 2400.0


class NotReachedError(Exception):
    """Something that a check needs is missing; the message says why."""


def is_local(environment: Mapping[str, str]) -> bool:
    """Return whether AWS_ENDPOINT_URL is a loopback address: an emulator, not an account."""
    host = urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass
class Context:
    """The application under test, and what is known about it."""

    application: Application
    local: bool = field(default_factory=lambda: is_local(os.environ))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    not_deployed: str = ""
    """Why the deployment failed; empty if it succeeded."""
    evidence: dict[tuple[object, ...], Any] = field(default_factory=dict)
    """Results or errors of `once`, by the name of the function and its arguments."""

    @property
    def poll_seconds(self) -> float:
        """Return the time between two looks."""
        return 0.25 if self.local else 15.0

    def wait_for(
        self, what: str, look: Callable[[], T | None], *, aws: float, local: float = 0.0
    ) -> T | None:
        """Return the first result of `look` that is not None; None when the seconds are over."""
        deadline = time.monotonic() + (local if self.local else aws)
        with self.application.steps.step(f"wait for {what}") as say:
            while True:
                if (found := look()) is not None or time.monotonic() > deadline:
                    return found
                say(f"{deadline - time.monotonic():.0f} s left")
                time.sleep(self.poll_seconds)

    def require_deployed(self) -> None:
        """Raise NotReachedError if the deployment failed."""
        if self.not_deployed:
            raise NotReachedError(f"not deployed: {self.not_deployed.splitlines()[0]}")

    def output(self, stack: str, key: str) -> str:
        """Return one output of a stack ("Storage", ...)."""
        self.require_deployed()
        return self.application.output(stack, key)

    def resources(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """Yield stack, logical id and physical id of each deployed resource of one type."""
        self.require_deployed()
        paginator = session().client("cloudformation").get_paginator("list_stack_resources")
        for stack in existing_stacks(self.application.settings):
            for each in paginator.paginate(StackName=stack).search("StackResourceSummaries[]"):
                if each and each["ResourceType"] == kind and each.get("PhysicalResourceId"):
                    yield stack, each["LogicalResourceId"], each["PhysicalResourceId"]


def once(
    gather: Callable[Concatenate[Context, P], T],
) -> Callable[Concatenate[Context, P], T]:
    """Gather evidence once per context and arguments; then return or raise the same again."""

    @wraps(gather)
    def remembered(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (gather.__name__, *args)
        if key not in context.evidence:
            try:
                context.evidence[key] = gather(context, *args, **kwargs)
            except Exception as error:
                context.evidence[key] = error
        value = context.evidence[key]
        if isinstance(value, NotReachedError):
            raise value
        if isinstance(value, Exception):
            what = gather.__name__.replace("_", " ")
            raise NotReachedError(f"{what}: {value or repr(value)}") from value
        result: T = value
        return result

    return remembered


@once
def dataset(context: Context) -> StagedPictures:
    """Return the staged dataset."""
    context.require_deployed()
    return read_staged(context.application.settings)


@once
def endpoint(context: Context) -> dict[str, Any]:
    """Return the description of the endpoint as it was deployed first."""
    name = context.output("Inference", "EndpointName")
    return dict(session().client("sagemaker").describe_endpoint(EndpointName=name))


@once
def first_picture(context: Context) -> bytes:
    """Return the content of the first validation picture."""
    return read_object(
        context.output("Storage", "DataBucketName"), next(iter(dataset(context).ground_truth))
    )


@once
def undecodable_key(context: Context) -> str:
    """Put a PNG without pixels into the data bucket; return its key."""
    key = "acceptance/without-pixels.png"
    session().client("s3").put_object(
        Bucket=context.output("Storage", "DataBucketName"), Key=key, Body=pictures.undecodable()
    )
    return key


@once
def classified(context: Context) -> tuple[dict[str, Any], list[Notice]]:
    """Run the validation pictures through the workflow; return its output and the notices."""
    pictures = dataset(context).ground_truth
    with listening(context.application) as receive:
        output = classify(context.application, pictures)
        counts = output["counts"]
        # Other messages are about other executions, such as a transform that ended meanwhile.
        attention = f"{counts['images'] - counts['accepted']} of {counts['images']} images"
        notices: list[Notice] = []

        def received() -> bool | None:
            notices.extend(each for each in receive() if attention in each.get("Subject", ""))
            return True if notices else None

        if counts["accepted"] < counts["images"]:
            context.wait_for("the notice", received, aws=60, local=5)
    return output, notices


@once
def outcome(context: Context) -> Outcome:
    """Return how the execution over the validation pictures ended."""
    return judge(classified(context)[0], dataset(context).ground_truth)


@once
def spoiled(context: Context) -> dict[str, Any]:
    """Return the output of an execution over a good picture and one without pixels."""
    good = next(iter(dataset(context).ground_truth))
    return classify(context.application, [good, undecodable_key(context)])


@once
def captured(context: Context) -> int:
    """Wait for the captures of the execution; return their number."""
    result = outcome(context)
    return captures.collect(
        context.application,
        context.application.folder / "captures",
        expected=result.images - result.errors,
        within_seconds=15 if context.local else 900,
    )


def read_object(bucket: str, key: str) -> bytes:
    """Return the content of an object."""
    content: bytes = session().client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def read_text(uri: str) -> str:
    """Return the text of an object `s3://bucket/key`."""
    found = S3Uri.parse_object(uri)
    return read_object(found.bucket, found.key).decode()


def keys_below(bucket: str, prefix: str) -> list[str]:
    """Return the keys of the objects below a prefix, without it, sorted."""
    pages = session().client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=bucket, Prefix=prefix).search("Contents[].Key")
    return sorted(key.removeprefix(prefix) for key in found if key)
