"""What is assumed of the endpoint: pictures, tags, scaling, updates."""

from collections.abc import Iterator
from typing import Any

from localcloud.demo.acceptance import pictures
from localcloud.demo.acceptance.check import Check, Finding, Verdict, check, confirmed_if
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.pictures import TOLERANCE, Comparison, refusal
from operations.aws import session

PICTURES, UPDATES, TAGS = "Pictures", "Endpoint: scaling and updates", "Tags"


@check(
    "The model answers 4xx to a picture that it cannot decode",
    expected="OriginalStatusCode 400 to 499",
    section=PICTURES,
    aws_only=True,
)
def undecodable_picture(context: Context) -> Finding:
    """Send a PNG without pixels straight to the endpoint."""
    answer = refusal(context.output("Inference", "EndpointName"), pictures.undecodable())
    if answer is None:
        return Finding(Verdict.REFUTED, "it answers as to any picture")
    status = int(answer["OriginalStatusCode"])
    seen = f"{status}: {answer.get('OriginalMessage', '')[:200]}"
    return confirmed_if(400 <= status < 500, seen)


@check(
    "A picture that cannot be decoded is one failed picture of its execution",
    expected="422 ImageRefused; the other picture has a verdict",
    section=PICTURES,
    of_execution=True,
)
def undecodable_picture_in_the_workflow(context: Context) -> Finding:
    """Run it through the workflow beside a good one."""
    good, bad = context.spoiled()["results"]
    seen = f"{bad['statusCode']} {bad.get('error', '')}; the other: {good['statusCode']}"
    right = (bad["statusCode"], bad.get("error")) == (422, "ImageRefused")
    return confirmed_if(right and good["statusCode"] in (200, 406), seen)


@check(
    "The orientation in EXIF is ignored",
    expected="the same probabilities with and without",
    section=PICTURES,
    aws_only=True,
)
def orientation_is_ignored(context: Context) -> Finding:
    """Compare the answers to a JPEG with an orientation, without one, and turned."""
    return _compared(context, pictures.turned(_first_picture(context)))


@check(
    "Transparency is dropped, not blended",
    expected="the same probabilities with and without",
    section=PICTURES,
    aws_only=True,
)
def transparency_is_dropped(context: Context) -> Finding:
    """Compare the answers to a PNG, to the same half transparent, and to that blended."""
    return _compared(context, pictures.transparent(_first_picture(context)))


@check(
    "Of 16 bits the upper 8 are used",
    expected="the same probabilities as of 8 bits",
    section=PICTURES,
    aws_only=True,
)
def upper_bits_are_used(context: Context) -> Finding:
    """Compare the answers to a grey PNG in 8 bits, in 16, and to the lower bits."""
    return _compared(context, pictures.sixteen_bit(_first_picture(context)))


def _first_picture(context: Context) -> bytes:
    return context.content(next(iter(context.dataset().truth)))


def _compared(context: Context, comparison: Comparison) -> Finding:
    one, same, other = (
        context.probabilities(each)
        for each in (comparison.one, comparison.same_if_assumed, comparison.same_if_not)
    )
    distance, to_other = _distance(one, same), _distance(one, other)
    seen = f"differs by {distance:.2g}; it would by {to_other:.2g}"
    if to_other <= TOLERANCE:
        return Finding(Verdict.NOT_SHOWN, f"{seen}: the model cannot tell the two apart")
    return confirmed_if(distance <= TOLERANCE, seen)


def _distance(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


@check(
    "Model, configuration, endpoint and training job have the tags of the settings",
    expected="ListTags returns all of them",
    section=TAGS,
)
def tags(context: Context) -> Finding:
    """Ask each for its tags."""
    wanted = context.application.settings.tags_by_key.items()
    client = session().client("sagemaker")
    lacking = []
    for kind, arn in _tagged(context, client):
        found = {each["Key"]: each["Value"] for each in client.list_tags(ResourceArn=arn)["Tags"]}
        lacking += [f"{kind} lacks {key}={value}" for key, value in wanted - found.items()]
    return confirmed_if(not lacking, "; ".join(lacking) or "all have them")


def _tagged(context: Context, client: Any) -> Iterator[tuple[str, str]]:
    endpoint = context.endpoint()
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    yield "the endpoint", endpoint["EndpointArn"]
    yield "the endpoint configuration", config["EndpointConfigArn"]
    yield "the model", model["ModelArn"]
    yield "the training job", context.stacks_job()["TrainingJobArn"]


@check(
    "CloudFormation accepts RetainAllVariantProperties in a template that creates the endpoint",
    expected="the endpoint is created, and its variant is a scalable target",
    section=UPDATES,
    aws_only=True,
)
def created_with_scaling(context: Context) -> Finding:
    """Look whether the endpoint with this property was created."""
    endpoint = context.endpoint()
    if not context.application.settings.endpoint.autoscaling.enabled:
        return Finding(Verdict.NOT_REACHED, "endpoint.autoscaling is off in these settings")
    targets = (
        session()
        .client("application-autoscaling")
        .describe_scalable_targets(
            ServiceNamespace="sagemaker",
            ResourceIds=[
                f"endpoint/{endpoint['EndpointName']}/variant/{each['VariantName']}"
                for each in endpoint["ProductionVariants"]
            ],
        )["ScalableTargets"]
    )
    seen = f"{endpoint['EndpointStatus']}; scalable targets: {len(targets)}"
    expected = len(endpoint["ProductionVariants"])
    return confirmed_if(
        endpoint["EndpointStatus"] == "InService" and len(targets) == expected, seen
    )


@check(
    "The endpoint moves to another model without failing a call; CloudFormation reads the SSM "
    "parameter of the model again, though the template is the previous one",
    expected="UPDATE_COMPLETE, another configuration, 0 failed calls",
    section=UPDATES,
)
def update_under_load(context: Context) -> Finding:
    """Update it while it is called all the time."""
    update = context.updated()
    failed = ", ".join(f"{name} {count}" for name, count in update.failures.items()) or "0"
    moved = update.config_before != update.config_after
    reason = f" ({update.stack_reason})" if update.stack_reason else ""
    config = "another" if moved else "the same"
    seen = (
        f"{update.stack_status}{reason} after {update.seconds:.0f} s, {config} configuration; "
        f"{update.calls} calls, failed: {failed}"
    )
    complete = update.stack_status == "UPDATE_COMPLETE"
    return confirmed_if(complete and moved and bool(update.calls) and not update.failures, seen)


@check(
    "SageMaker may read the alarms that can roll an update back (cloudwatch:DescribeAlarms)",
    expected="the update went through, with these alarms",
    section=UPDATES,
    aws_only=True,
)
def update_watched_by_alarms(context: Context) -> Finding:
    """Look which alarms SageMaker says it watched."""
    if not context.application.settings.endpoint.update_policy.rollback_on_alarms:
        return Finding(Verdict.NOT_REACHED, "rollback_on_alarms is off in these settings")
    update = context.updated()
    seen = f"{update.stack_status}; alarms: {len(update.alarms)}"
    return confirmed_if(update.stack_status == "UPDATE_COMPLETE" and bool(update.alarms), seen)


PICTURE_CHECKS: tuple[Check, ...] = (
    undecodable_picture,
    undecodable_picture_in_the_workflow,
    orientation_is_ignored,
    transparency_is_dropped,
    upper_bits_are_used,
)
UPDATE_CHECKS: tuple[Check, ...] = (update_under_load, update_watched_by_alarms)
