"""Changed settings and changed data, deployed while the endpoint serves."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.deployed import deployed_threshold
from tests.local.deployment import DEPLOY, TRAIN_PER_CLASS, Deployment


def sagemaker_resources(deployment: Deployment) -> dict[str, Any]:
    """Training jobs, models and configurations there are, and what the endpoint serves."""
    sagemaker = deployment.cloud.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=deployment.settings.endpoint_name)
    return {
        "jobs": deployment.training_jobs(),
        "baselines": baselines(deployment),
        "models": [model["ModelName"] for model in sagemaker.list_models()["Models"]],
        "configurations": [
            configuration["EndpointConfigName"]
            for configuration in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "endpoint": {
            key: endpoint[key]
            for key in ("EndpointConfigName", "EndpointStatus", "CreationTime", "LastModifiedTime")
        },
    }


def baselines(deployment: Deployment) -> list[str]:
    """Keys of the baselines that there are."""
    listed = deployment.cloud.client("s3").list_objects_v2(
        Bucket=deployment.outputs("Storage")["ArtifactBucketName"], Prefix="baselines/"
    )
    return [item["Key"] for item in listed.get("Contents", [])]


@dataclass
class Client:
    """Classifies one picture over and over in two threads."""

    deployment: Deployment
    replies: int = 0
    failures: list[str] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def classifying(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._classify) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def _classify(self) -> None:
        runtime = self.deployment.cloud.client("sagemaker-runtime")
        key = next(iter(self.deployment.dataset.truth))
        s3 = self.deployment.cloud.client("s3")
        picture = s3.get_object(Bucket=self.deployment.data_bucket, Key=key)["Body"].read()
        while not self._stopped.is_set():
            try:
                runtime.invoke_endpoint(
                    EndpointName=self.deployment.settings.endpoint_name,
                    ContentType="image/png",
                    Body=picture,
                )
                self.replies += 1
            except (ClientError, BotoCoreError) as error:
                self.failures.append(repr(error))
            time.sleep(0.02)


def test_another_threshold_is_all_that_changes(deployment: Deployment) -> None:
    settings = deployment.settings
    workflow = settings.workflow.model_copy(update={"confidence_threshold": 0.5})
    variant = deployment.variant(settings.model_copy(update={"workflow": workflow}))
    before = sagemaker_resources(deployment)

    diff = variant.cdk("diff", "--all")
    deployed = variant.cdk(*DEPLOY, "--all")
    of_report = deployed_threshold(settings)
    threshold = deployment.classify(next(iter(deployment.dataset.truth)))["results"][0]["body"]
    after = sagemaker_resources(deployment)
    deployment.cdk(*DEPLOY, "--all")

    changes = re.findall(r"\[[~+-]\] .*", diff)
    variable = ["Environment", ".Variables:", ".CONFIDENCE_THRESHOLD:", "0.93", "0.5"]
    functions = [change for change in changes if "AWS::" in change]
    assert sorted(change.split(" ")[2] for change in functions) == [
        "BatchTransform/WritePredictions",
        "BulkClassification/ClassifyBatch",
        "DriftDetector/Function",
        "FilterConfidence",
    ]
    others = [change.rpartition(" ")[2] for change in changes if change not in functions]
    assert others == variable * len(functions)
    assert "Number of stacks with differences: 3\n" in diff
    assert deployed.count("(no changes)") == 3
    assert threshold["threshold"] == of_report.value == 0.5
    assert after == before


def test_changed_data_replaces_the_model_without_a_failed_request(deployment: Deployment) -> None:
    before = sagemaker_resources(deployment)
    artifact = deployment.outputs("Training")["ModelDataUrl"]
    client = Client(deployment)

    with client.classifying():
        deployment.stage(train_per_class=TRAIN_PER_CLASS // 2)
        deployment.cdk(*DEPLOY, "--all")
        changed = sagemaker_resources(deployment)
        replies = client.replies
        changed_artifact = deployment.outputs("Training")["ModelDataUrl"]
        deployment.stage(train_per_class=TRAIN_PER_CLASS)
        deployment.cdk(*DEPLOY, "--all")
    back = sagemaker_resources(deployment)

    assert client.failures == []
    assert 0 < replies < client.replies
    assert changed["jobs"][:-1] == before["jobs"]
    assert changed["jobs"][-1] in changed_artifact
    assert_replaced_in_place(before, changed)
    # Back to the first dataset: its finished job is found, nothing is trained.
    assert back["jobs"] == changed["jobs"]
    assert deployment.outputs("Training")["ModelDataUrl"] == artifact
    assert_replaced_in_place(changed, back)


def assert_replaced_in_place(old: dict[str, Any], new: dict[str, Any]) -> None:
    """One model, configuration and baseline replaced what was; the endpoint is the same one."""
    for kind in ("models", "configurations", "baselines"):
        assert len(new[kind]) == len(old[kind]) == 1
        assert new[kind] != old[kind]
    assert new["endpoint"]["EndpointConfigName"] == new["configurations"][0]
    assert new["endpoint"]["EndpointStatus"] == "InService"
    assert new["endpoint"]["CreationTime"] == old["endpoint"]["CreationTime"]
