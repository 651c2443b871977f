"""The pictures that the training and the baseline of the drift detector read."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.staging import BUCKET_OUTPUT, STORAGE_STACK, baseline_shortage
from settings import Settings
from training.dataset import MANIFEST
from training.manifest import Manifest, parse

PREFIX = "datasets/"


def dataset(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """A dataset is staged, whole, with the classes of the settings."""
    stage = f"scones stage --environment {settings.environment}"
    if settings.training.model_data_url:
        if not settings.detects_drift:
            yield Finding(Verdict.OK, "not needed: training.model_data_url names a finished model")
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
    if prefix is None or not prefix.startswith(PREFIX):
        what = f"nothing is staged: {settings.dataset_parameter} is {prefix!r}"
        yield Finding(Verdict.PROBLEM, what, stage)
        return
    try:
        manifest = _manifest(aws, bucket, f"{prefix}/{MANIFEST}")
    except ValueError as error:
        yield Finding(Verdict.PROBLEM, str(error), stage)
        return
    if manifest is None:
        what = (
            f"{settings.dataset_parameter} names a dataset that is gone or was never completed: "
            f"s3://{bucket}/{prefix}/{MANIFEST} does not exist"
        )
        yield Finding(Verdict.PROBLEM, what, stage)
        return
    yield _judge(prefix, manifest, settings, stage)


def _manifest(aws: Aws, bucket: str, key: str) -> Manifest | None:
    s3 = aws.client("s3")
    try:
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return parse(content, f"s3://{bucket}/{key}")


def _judge(prefix: str, manifest: Manifest, settings: Settings, stage: str) -> Finding:
    classes = settings.dataset.classes
    if manifest.classes != classes:
        return Finding(
            Verdict.PROBLEM,
            f"{prefix} has the classes {list(manifest.classes)}, in this order; "
            f"the settings say {list(classes)}",
            stage,
        )
    counts = manifest.counts
    for split, pictures in counts.items():
        if lacking := [name for name in classes if not pictures.get(name)]:
            what = f"{prefix} has no {split} picture of: {', '.join(lacking)}"
            return Finding(Verdict.PROBLEM, what, stage)
    if lacking_for_drift := baseline_shortage(counts["validation"], settings):
        return Finding(Verdict.PROBLEM, f"{prefix}: {lacking_for_drift}", stage)
    totals = ", ".join(f"{sum(pictures.values())} {split}" for split, pictures in counts.items())
    what = f"{prefix}: {totals} pictures of {', '.join(classes)}"
    if manifest.source == "drawn":
        return Finding(Verdict.NOTE, f"{what}; drawn stand-ins, not photographs", stage)
    return Finding(Verdict.OK, what)
