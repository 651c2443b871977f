"""Move the endpoint to another model while it is called."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.deployment import Application
from localcloud.steps import Say
from operations.aws import session
from settings.s3_uris import S3Uri

CONTENT_TYPE = "application/x-image"
THREADS = 2
PAUSE_SECONDS = 0.2
LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Update:
    """An update that has ended."""

    stack_status: str
    stack_reason: str
    moved: bool
    """True if the endpoint has another configuration."""
    alarms: list[str]
    """Alarms that SageMaker says it watched."""
    calls: int
    failures: Counter[str]
    """Calls that failed, by the name of the error."""
    began: datetime
    ended: datetime


def update_under_load(
    application: Application, picture: bytes, say: Say, *, poll_seconds: float
) -> Update:
    """Deploy a copy of the model with the deployed template; call the endpoint meanwhile."""
    sagemaker = session().client("sagemaker")
    name = application.settings.endpoint_name
    before = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    calls: Counter[str] = Counter()
    done = threading.Event()
    # Created here: threads may share a client, but not create it.
    runtime = session().client(
        "sagemaker-runtime", config=Config(retries={"total_max_attempts": 1})
    )

    def call() -> None:
        while not done.wait(PAUSE_SECONDS):
            try:
                reply = runtime.invoke_endpoint(
                    EndpointName=name, ContentType=CONTENT_TYPE, Body=picture
                )
                reply["Body"].read()
            except ClientError as error:
                calls[error.response["Error"]["Code"]] += 1
            except BotoCoreError as error:
                calls[type(error).__name__] += 1
            else:
                calls[""] += 1

    threads = [threading.Thread(target=call, daemon=True) for _ in range(THREADS)]
    began = datetime.now(UTC)
    for thread in threads:
        thread.start()
    try:
        status, reason = _update_stack(application, say, poll_seconds)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    described = sagemaker.describe_endpoint(EndpointName=name)
    rollback = described.get("LastDeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    return Update(
        stack_status=status,
        stack_reason=reason,
        moved=described["EndpointConfigName"] != before,
        alarms=sorted(each["AlarmName"] for each in rollback.get("Alarms", ())),
        calls=calls.total(),
        failures=calls - Counter({"": calls[""]}),
        began=began,
        ended=datetime.now(UTC),
    )


def _update_stack(application: Application, say: Say, poll_seconds: float) -> tuple[str, str]:
    """Point the model's SSM parameter at a copy, and let CloudFormation read it again."""
    _point_at_a_copy(application)
    client: Any = session().client("cloudformation")
    stack = application.settings.stack_name("Inference")
    (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    client.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
            for each in described.get("Parameters", ())
        ],
    )
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        (described,) = client.describe_stacks(StackName=stack)["Stacks"]
        status: str = described["StackStatus"]
        # CloudFormation deletes what the update replaced before it calls it complete.
        if not status.endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            return status, described.get("StackStatusReason", "")
        say(status)
        time.sleep(poll_seconds)


def _point_at_a_copy(application: Application) -> None:
    settings = application.settings
    ssm, s3 = session().client("ssm"), session().client("s3")
    parameter = settings.model_data_url_parameter
    uri = S3Uri.parse_object(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    models = uri.key.partition("/")[0]
    # Below the name of the environment, by which sweep recognises our models.
    copy = f"{models}/{settings.resource_prefix}-copy/model.tar.gz"
    s3.copy_object(Bucket=uri.bucket, Key=copy, CopySource={"Bucket": uri.bucket, "Key": uri.key})
    ssm.put_parameter(Name=parameter, Value=f"s3://{uri.bucket}/{copy}", Overwrite=True)
