"""Checks of what a deployment starts from: staged pictures, or a model."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from lambda_src.shared import class_names
from operations.datasets import BUCKET_OUTPUT, STORAGE_STACK
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict, ok, problem
from operations.staging import baseline_shortage
from settings import Settings
from settings.s3_uris import S3Uri
from training.dataset import FOLDER
from training.manifest import FILE as MANIFEST
from training.manifest import Manifest, parse

MOST_NAMED = 10


def dataset(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that a complete dataset is staged, with the classes that the settings list, if any."""
    stage = f"scones stage --environment {settings.environment}"
    if settings.training.model_data_url:
        if not settings.detects_drift:
            yield ok("not needed: training.model_data_url names a finished model")
            return
        stage += "; or drift.enabled = false"
    stack = settings.stack_name(STORAGE_STACK)
    bucket = aws.stack_outputs(stack).get(BUCKET_OUTPUT)
    if bucket is None:
        yield Finding(
            Verdict.NOTE,
            f"{stack} is not deployed: this is the first deployment, nothing can be staged yet",
            f"cdk deploy {stack} -c environment={settings.environment}, then {stage}",
        )
        return
    prefix = aws.parameter(settings.dataset_parameter)
    if prefix is None or not prefix.startswith(f"{FOLDER}/"):
        yield problem(f"nothing is staged: {settings.dataset_parameter} is {prefix!r}", stage)
        return
    uri, s3 = f"s3://{bucket}/{prefix}/{MANIFEST}", aws.client("s3")
    try:
        reply = s3.get_object(Bucket=bucket, Key=f"{prefix}/{MANIFEST}")
        manifest = parse(reply["Body"].read(), uri)
    except s3.exceptions.NoSuchKey:
        yield problem(
            f"{settings.dataset_parameter} names a dataset that is gone or was never completed: "
            f"{uri} does not exist",
            stage,
        )
    except ValueError as error:
        yield problem(str(error), stage)
    else:
        yield _judge(prefix, manifest, settings, stage)


def _judge(prefix: str, manifest: Manifest, settings: Settings, stage: str) -> Finding:
    listed, classes, counts = settings.dataset.classes, manifest.classes, manifest.counts
    if listed and classes != listed:
        return problem(
            f"{prefix} has the classes {list(manifest.classes)}, in this order; "
            f"the settings say {list(listed)}",
            stage,
        )
    if not listed and (reason := class_names.fault(list(classes))):
        return problem(f"{prefix}: classes: {reason}", stage)
    if settings.dataset.own_pictures and manifest.side != settings.picture_side:
        return problem(
            f"{prefix} has pictures of {manifest.side} pixels; the settings say "
            f"{settings.picture_side}",
            stage,
        )
    for split, pictures in counts.items():
        if lacking := [name for name in classes if not pictures.get(name)]:
            return problem(f"{prefix} has no {split} picture of: {', '.join(lacking)}", stage)
    validation = {name: counts["validation"][name] for name in classes}
    if shortage := baseline_shortage(validation, settings):
        return problem(f"{prefix}: {shortage}", stage)
    totals = ", ".join(f"{sum(pictures.values())} {split}" for split, pictures in counts.items())
    names = ", ".join(classes) if len(classes) <= MOST_NAMED else f"{len(classes)} classes"
    what = f"{prefix}: {totals} pictures of {names}"
    if manifest.source == "drawn":
        return Finding(Verdict.NOTE, f"{what}; drawn stand-ins, not photographs", stage)
    return ok(what)


def given_model(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that the model that the settings name exists; they name at most one."""
    training = settings.training
    for key, url, instead in (
        ("model_data_url", training.model_data_url, "to train a model"),
        ("initial_model_data_url", training.initial_model_data_url, "to start from none"),
    ):
        if not url:
            continue
        uri = S3Uri.parse_object(url)
        try:
            # One byte, because the reply to HeadObject has no body to tell an error with.
            aws.client("s3").get_object(Bucket=uri.bucket, Key=uri.key, Range="bytes=0-0")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchBucket", "NoSuchKey"):
                raise
            yield problem(f"{url} does not exist", f"another training.{key}, or none, {instead}")
        else:
            yield ok(f"{url} exists")
        return
    yield ok("none; the deployment trains one")
