"""Assumptions about the endpoint: pictures, tags, scaling, updates."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.demo.acceptance import pictures
from localcloud.demo.acceptance.check import Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import (
    Context,
    NotReachedError,
    endpoint,
    first_picture,
    once,
    spoiled,
)
from localcloud.demo.acceptance.update import CONTENT_TYPE, Update
from localcloud.demo.acceptance.update import update_under_load as run_update
from operations.aws import session

PICTURES, UPDATES = "Pictures", "Endpoint: scaling and updates"
TOLERANCE = 1e-4
"""Difference of probabilities that rounding explains."""


@check(expected="OriginalStatusCode 400 to 499", section=PICTURES, aws_only=True)
def undecodable_picture(context: Context) -> Finding:
    """The model answers 4xx to a picture that it cannot decode."""
    answer = refusal(context.output("Inference", "EndpointName"))
    if answer is None:
        return Finding(Verdict.REFUTED, "it answers as to any picture")
    status = int(answer["OriginalStatusCode"])
    seen = f"{status}: {answer.get('OriginalMessage', '')[:200]}"
    return confirmed_if(400 <= status < 500, seen)


@check(
    expected="422 ImageRefused; the other picture has a verdict",
    section=PICTURES,
    of_execution=True,
)
def undecodable_picture_in_the_workflow(context: Context) -> Finding:
    """A picture that cannot be decoded is one failed picture of its execution."""
    good, bad = spoiled(context)["results"]
    seen = f"{bad['statusCode']} {bad.get('error', '')}; the other: {good['statusCode']}"
    right = (bad["statusCode"], bad.get("error")) == (422, "ImageRefused")
    return confirmed_if(right and good["statusCode"] in (200, 406), seen)


@check(expected="the same probabilities with and without it", section=PICTURES, aws_only=True)
def orientation_is_ignored(context: Context) -> Finding:
    """The orientation in EXIF is ignored."""
    return _compared(context, pictures.turned)


@check(expected="the same probabilities with and without it", section=PICTURES, aws_only=True)
def transparency_is_dropped(context: Context) -> Finding:
    """Transparency is dropped, not blended."""
    return _compared(context, pictures.transparent)


@check(expected="the same probabilities as of 8 bits", section=PICTURES, aws_only=True)
def upper_bits_are_used(context: Context) -> Finding:
    """Of 16 bits the upper 8 are used."""
    return _compared(context, pictures.sixteen_bit)


@check(
    expected="the endpoint is created, and its variant is a scalable target",
    section=UPDATES,
    aws_only=True,
)
def created_with_scaling(context: Context) -> Finding:
    """CloudFormation accepts RetainAllVariantProperties in a template that creates the endpoint."""
    deployed = endpoint(context)
    if not context.application.settings.endpoint.autoscaling.enabled:
        raise NotReachedError("endpoint.autoscaling is off in these settings")
    variants = [
        f"endpoint/{deployed['EndpointName']}/variant/{each['VariantName']}"
        for each in deployed["ProductionVariants"]
    ]
    client = session().client("application-autoscaling")
    answer = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=variants)
    status, targets = deployed["EndpointStatus"], len(answer["ScalableTargets"])
    seen = f"{status}; scalable targets: {targets}"
    return confirmed_if(status == "InService" and targets == len(variants), seen)


@check(
    expected="UPDATE_COMPLETE, another configuration, 0 failed calls",
    section=UPDATES,
)
def update_under_load(context: Context) -> Finding:
    """The endpoint moves to another model without failing a call; CloudFormation reads the SSM
    parameter of the model again, though the template is the previous one.
    """
    update = updated(context)
    failed = ", ".join(f"{name} {count}" for name, count in update.failures.items()) or "0"
    reason = f" ({update.stack_reason})" if update.stack_reason else ""
    seconds = (update.ended - update.began).total_seconds()
    seen = (
        f"{update.stack_status}{reason} after {seconds:.0f} s, "
        f"{'another' if update.moved else 'the same'} configuration; "
        f"{update.calls} calls, failed: {failed}"
    )
    complete = update.stack_status == "UPDATE_COMPLETE"
    return confirmed_if(
        complete and update.moved and bool(update.calls) and not update.failures, seen
    )


@check(expected="the update went through, with these alarms", section=UPDATES, aws_only=True)
def update_watched_by_alarms(context: Context) -> Finding:
    """SageMaker may read the alarms that can roll an update back (cloudwatch:DescribeAlarms)."""
    if not context.application.settings.endpoint.update_policy.rollback_on_alarms:
        raise NotReachedError("rollback_on_alarms is off in these settings")
    update = updated(context)
    seen = f"{update.stack_status}; alarms: {len(update.alarms)}"
    return confirmed_if(update.stack_status == "UPDATE_COMPLETE" and bool(update.alarms), seen)


@once
def updated(context: Context) -> Update:
    """Move the endpoint to another model while it is called."""
    context.require_deployed()
    picture = first_picture(context)
    with context.application.steps.step("update the endpoint under load") as say:
        return run_update(context.application, picture, say, poll_seconds=context.poll_seconds)


def refusal(endpoint_name: str) -> Mapping[str, Any] | None:
    """Return the error with which the model refuses a PNG without pixels; None if it answers."""
    client = session().client("sagemaker-runtime")
    try:
        client.invoke_endpoint(
            EndpointName=endpoint_name, ContentType=CONTENT_TYPE, Body=pictures.undecodable()
        )
    except client.exceptions.ModelError as error:
        answer: dict[str, Any] = dict(error.response)
        return answer
    return None


def _compared(context: Context, forms: Callable[[bytes], pictures.Comparison]) -> Finding:
    """Compare the endpoint's answers to three forms of a picture."""
    name = context.output("Inference", "EndpointName")
    client = session().client("sagemaker-runtime")

    def probabilities(content: bytes) -> list[float]:
        reply = client.invoke_endpoint(EndpointName=name, ContentType=CONTENT_TYPE, Body=content)
        answer: list[float] = json.loads(reply["Body"].read())
        return answer

    def distance(other: bytes) -> float:
        return max(abs(a - b) for a, b in zip(one, probabilities(other), strict=True))

    comparison = forms(first_picture(context))
    one = probabilities(comparison.one)
    if_assumed, if_not = distance(comparison.same_if_assumed), distance(comparison.same_if_not)
    seen = f"differs by {if_assumed:.2g}; it would by {if_not:.2g}"
    if if_not <= TOLERANCE:
        return Finding(Verdict.NOT_SHOWN, f"{seen}: the model cannot tell the two apart")
    return confirmed_if(if_assumed <= TOLERANCE, seen)
