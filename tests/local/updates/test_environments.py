"""Other environments beside the first, deployed, interrupted during training, and destroyed."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from localcloud.demo.leftovers import leftovers
from operations.sweep import TRAINING_LOGS, find
from scones.__main__ import main
from scones.sweep import EXIT_LEFT
from settings import load
from settings.loader import validate
from tests.local.deployment import DEPLOY, Deployment
from tests.local.waiting import wait

ODD_KEYS = (
    "bay/\x01.png",
    "bay/../\x02.png",
    "\ufffe",
    "week 28/",
    "week #1.png",
    "/lead.png",
    "bay//double.png",
    "two\r\nlines.png",
    "..",
    "100% <&>.png",
)


class Interrupted(Exception):
    """The CDK CLI was ended while the training job ran."""


def jobs(environment: Deployment, status: str | None = None) -> list[str]:
    """Return the names of the environment's training jobs, of one status or of any."""
    sagemaker = environment.cloud.client("sagemaker")
    summaries = sagemaker.list_training_jobs(
        NameContains=f"{environment.settings.resource_prefix}-",
        **({"StatusEquals": status} if status else {}),
    )["TrainingJobSummaries"]
    return [summary["TrainingJobName"] for summary in summaries]


def interrupt_during_training(environment: Deployment) -> None:
    """Deploy, and end the CLI as soon as the training job runs; CloudFormation goes on."""

    def watch(line: str) -> None:
        if "Custom::TrainingJob" in line:
            wait(lambda: jobs(environment, "InProgress"))
            raise Interrupted

    with pytest.raises(Interrupted):
        environment.cli.run(*DEPLOY, "--all", log="cdk", say=watch)


def keys_in_use(environment: Deployment) -> dict[str, str | None]:
    """Return the ARN of the key of captures and model; the local cloud keeps no other."""
    sagemaker = environment.cloud.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=environment.settings.endpoint_name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    (name,) = jobs(environment)
    job = sagemaker.describe_training_job(TrainingJobName=name)
    return {
        "captures": config["DataCaptureConfig"].get("KmsKeyId"),
        "model": job["OutputDataConfig"].get("KmsKeyId"),
    }


def test_destroy_during_training_stops_the_job_and_empties_full_buckets(
    deployment: Deployment,
) -> None:
    left_before = leftovers()
    early = deployment.variant(validate({}, environment="early", source="a test"))
    early.cdk(*DEPLOY, early.settings.stack_name("Storage"))
    early.stage(train_per_class=50)
    fill_buckets(early)
    prolong_training(early)

    interrupt_during_training(early)
    early.cdk("destroy", "--all", "--force")

    assert len(jobs(early)) == 1
    assert jobs(early, "Stopped") == jobs(early)
    assert leftovers() == left_before


def fill_buckets(environment: Deployment) -> None:
    """Put in more captures than one page and one request of S3 take, and versions of odd keys."""
    s3, data = environment.cloud.client("s3"), environment.data_bucket
    captures = environment.outputs("Storage")["CaptureBucketName"]
    s3.put_bucket_versioning(Bucket=data, VersioningConfiguration={"Status": "Enabled"})

    def put(key: str) -> None:
        s3.put_object(Bucket=captures, Key=key, Body=b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [f"captures/{number:04}.jsonl" for number in range(1100)]))
    for key in ODD_KEYS:
        for bucket in (captures, data, data):
            s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    s3.delete_object(Bucket=data, Key=ODD_KEYS[0])


def prolong_training(environment: Deployment) -> None:
    """Replace the staged pictures by large ones, so that training takes long enough."""
    buffer = io.BytesIO()
    Image.new("RGB", (4990, 4990)).save(buffer, "PNG", compress_level=1)
    s3, prefix = environment.cloud.client("s3"), f"{environment.staged_prefix()}/train/"
    for each in s3.list_objects_v2(Bucket=environment.data_bucket, Prefix=prefix)["Contents"]:
        s3.put_object(Bucket=environment.data_bucket, Key=each["Key"], Body=buffer.getvalue())


def test_two_environments_do_not_touch_each_other(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = next(iter(deployment.dataset.ground_truth))
    dev, left_before = deployment.sagemaker_resources(), leftovers()
    prod = deployment.variant(load("prod"))
    prod.cdk(*DEPLOY, prod.settings.stack_name("Storage"))
    prod.stage(train_per_class=300)

    interrupt_during_training(prod)
    (running,) = jobs(prod, "InProgress")
    # As on AWS, a stack that is being created takes no other deployment.
    training = prod.settings.stack_name("Training")
    prod.cloud.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName=training, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    deployed = prod.cdk(*DEPLOY, "--all")

    assert f"{training} (no changes)" in deployed
    assert jobs(prod) == jobs(prod, "Completed") == [running]
    assert prod.classify(next(iter(prod.dataset.ground_truth)))["counts"]["failed"] == 0
    (key_id,) = prod.resources()["AWS::KMS::Key"].values()
    kms = prod.cloud.client("kms")
    key = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    assert keys_in_use(prod) == {"captures": key, "model": key}
    prod.cdk("destroy", "--all", "--force")
    # What it encrypted is retained, and so is the key.
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    after = deployment.sagemaker_resources()
    assert {**after, "jobs": dev["jobs"]} == dev
    assert after["jobs"] == [*dev["jobs"], running]
    assert deployment.classify(picture)["counts"]["failed"] == 0
    sweep(prod, capsys)
    assert leftovers() == left_before


def sweep(destroyed: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """Sweep an environment that retains its data, then remove the data as docs/deploy.md says."""
    logs, s3 = destroyed.cloud.client("logs"), destroyed.cloud.client("s3")
    # On AWS SageMaker writes these; the local cloud has no logs of SageMaker's.
    prefix = destroyed.settings.resource_prefix
    for group, stream in (
        (TRAINING_LOGS, f"{prefix}-0123/algo-1"),
        (f"/aws/sagemaker/Endpoints/{prefix}", "AllTraffic/i-0123"),
    ):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)

    assert main(["sweep", "--environment", destroyed.settings.environment, "--delete"]) == EXIT_LEFT

    kept = find(destroyed.settings)
    kinds = [remain.kind for remain in kept]
    assert set(kinds) == {"log group", "bucket"} and kinds.count("bucket") == 3
    assert all(remain.remove is None for remain in kept)
    assert logs.describe_log_streams(logGroupName=TRAINING_LOGS)["logStreams"] == []
    printed = capsys.readouterr().out
    assert all(remain.by_hand in printed for remain in kept)
    for remain in kept:
        if remain.kind == "log group":
            logs.delete_log_group(logGroupName=remain.name)
            continue
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=remain.name):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if keys:
                s3.delete_objects(Bucket=remain.name, Delete={"Objects": keys})
        s3.delete_bucket(Bucket=remain.name)
    logs.delete_log_group(logGroupName=TRAINING_LOGS)
    assert find(destroyed.settings) == []
