"""Transform jobs, from their request to their end, also as a task of Step Functions."""

import json
import os
import re
import signal
import subprocess
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.repairs.distributed_map import machine, task
from tests.local.localcloud.sagemaker.support import ENDED, SageMaker, code_of, new_name, picture
from tests.local.waiting import wait

TASK = "sagemaker:createTransformJob"
SDK = "aws-sdk:sagemaker:"


class Transform:
    """Transform jobs of one model, each with its own input and output folders."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self.sagemaker = sagemaker
        self.model = sagemaker.model()
        self.name = new_name()
        self.folder = f"transform/{self.name}"
        self.input = sagemaker.uri(f"{self.folder}/in/")

    def put(self, objects: dict[str, bytes]) -> None:
        for name, body in objects.items():
            self.sagemaker.put(f"{self.folder}/in/{name}", body)

    def manifest(self, *content: Any) -> str:
        return self.sagemaker.put(f"{self.folder}/manifest.json", json.dumps(content).encode())

    def request(self, manifest: str | None = None, **changes: Any) -> dict[str, Any]:
        kind = "ManifestFile" if manifest else "S3Prefix"
        data = {"S3DataType": kind, "S3Uri": manifest or self.input}
        request = {
            "TransformJobName": self.name,
            "ModelName": self.model,
            "BatchStrategy": "SingleRecord",
            "TransformInput": {
                "DataSource": {"S3DataSource": data},
                "ContentType": "application/x-image",
                "SplitType": "None",
                "CompressionType": "None",
            },
            "TransformOutput": {"S3OutputPath": self.sagemaker.uri(f"{self.folder}/out")},
            "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        }
        return request | changes

    def create(self, manifest: str | None = None, **changes: Any) -> None:
        self.sagemaker.api.create_transform_job(**self.request(manifest, **changes))

    def described(self) -> dict[str, Any]:
        return dict(self.sagemaker.api.describe_transform_job(TransformJobName=self.name))

    def ended(self) -> dict[str, Any]:
        wait(lambda: self.described()["TransformJobStatus"] in ENDED)
        return self.described()

    def outputs(self) -> dict[str, bytes]:
        prefix = f"{self.folder}/out/"
        found = self.sagemaker.objects(prefix)
        return {key.removeprefix(prefix): body for key, body in found.items()}

    def labels(self) -> dict[str, int]:
        return {name: label_in(body) for name, body in self.outputs().items()}


@pytest.fixture
def job(sagemaker: SageMaker) -> Transform:
    return Transform(sagemaker)


def label_in(output: bytes) -> int:
    ((name, probabilities),) = json.loads(output).items()
    assert name == "prediction"
    assert sum(probabilities) == pytest.approx(1)
    return int(np.argmax(probabilities))


def test_every_object_below_a_prefix_gets_an_output(job: Transform) -> None:
    job.put({"one.png": picture(0, 7), "deeper/two.png": picture(1, 8)})
    job.create()
    described = job.ended()
    assert described["TransformJobStatus"] == "Completed"
    assert "FailureReason" not in described
    assert described["CreationTime"] <= described["TransformStartTime"]
    assert described["TransformStartTime"] < described["TransformEndTime"]
    assert described["TransformJobArn"].endswith(f":000000000000:transform-job/{job.name}")
    assert described["TransformInput"] == job.request()["TransformInput"]
    assert job.labels() == {"one.png.out": 0, "deeper/two.png.out": 1}


def test_a_manifest_chooses_the_objects(job: Transform) -> None:
    job.put({"one.png": picture(0, 7), "/one.png": picture(1, 9), "a/two.png": picture(1, 8)})
    # Keys that differ by a slash keep their own outputs.
    job.create(job.manifest({"prefix": job.input}, "one.png", "/one.png"))
    assert job.ended()["TransformJobStatus"] == "Completed"
    assert job.labels() == {"one.png.out": 0, "/one.png.out": 1}


@pytest.mark.parametrize(
    "bad",
    [b"no picture", picture(0) + b"." * (1 << 20), None],
    ids=["refused by the model", "larger than MaxPayloadInMB", "missing"],
)
def test_a_bad_object_fails_the_job_but_not_the_others(job: Transform, bad: bytes | None) -> None:
    job.put({"good.png": picture(1, 7)} | ({} if bad is None else {"bad.png": bad}))
    job.create(job.manifest({"prefix": job.input}, "bad.png", "good.png"), MaxPayloadInMB=1)
    described = job.ended()
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    assert job.outputs().keys() == {"good.png.out"}


def test_a_server_that_dies_during_a_job_is_restarted_and_loses_no_object(job: Transform) -> None:
    job.put({f"{number}.png": picture(0, 7) for number in range(200)})
    job.create(MaxConcurrentTransforms=1)
    wait(lambda: bool(job.outputs()))

    processes = subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,args="], text=True)
    (server,) = re.findall(rf"^ *(\d+) .*transform-{job.name}", processes, re.MULTILINE)
    os.kill(int(server), signal.SIGKILL)

    assert job.ended()["TransformJobStatus"] == "Completed"
    assert len(job.outputs()) == 200


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (["one.png"], r"Unable to read the manifest s3://.*manifest\.json: not \[\{\"prefix\""),
        ([{"prefix": "s3://t/"}, 7], "Unable to read the manifest"),
        ([{"prefix": "s3://t/"}], "No S3 objects found"),
    ],
)
def test_an_input_without_objects_fails_the_job(
    job: Transform, manifest: list[Any], reason: str
) -> None:
    job.create(job.manifest(*manifest))
    described = job.ended()
    assert described["TransformJobStatus"] == "Failed"
    assert re.search(reason, described["FailureReason"])


def test_a_model_that_does_not_start_fails_the_job(job: Transform) -> None:
    job.model = job.sagemaker.model(job.sagemaker.broken_model_data())
    job.put({"one.png": picture(0)})
    job.create()
    assert "failed to respond to ping" in job.ended()["FailureReason"]
    assert job.outputs() == {}


def test_a_name_can_be_used_once_and_must_be_known(job: Transform, execute: Any) -> None:
    with pytest.raises(ClientError, match=f"Could not find requested job with name: {job.name}"):
        job.described()
    job.put({"one.png": picture(0)})
    job.create(Tags=[{"Key": "project", "Value": "scones"}])
    with pytest.raises(ClientError, match="a job with this name already exists") as refusal:
        job.create()
    assert code_of(refusal) == "ResourceInUse"
    state = execute(machine(task(f"{TASK}.sync", job.request())), {})
    assert (state["status"], state["error"]) == ("FAILED", "SageMaker.ResourceInUseException")
    arn = job.ended()["TransformJobArn"]
    tags = job.sagemaker.api.list_tags(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "project", "Value": "scones"}]
    found = job.sagemaker.api.list_transform_jobs(NameContains=job.name, StatusEquals="Completed")
    (summary,) = found["TransformJobSummaries"]
    assert summary["TransformJobArn"] == arn


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ModelName": "nothing"}, 'Could not find model "arn:aws:sagemaker:.*/nothing"'),
        (
            {"TransformResources": {"InstanceType": "ml.c1.large", "InstanceCount": 1}},
            "at 'transformResources.instanceType' failed to satisfy",
        ),
        ({"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 4}, r"must not exceed 100 MB"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "does not implement .* DataProcessing"),
        ({"input": {"SplitType": "Line"}}, "does not implement SplitType Line"),
        ({"input": {"CompressionType": "Gzip"}}, "does not implement CompressionType Gzip"),
    ],
)
def test_an_invalid_job_is_refused(job: Transform, changes: dict[str, Any], reason: str) -> None:
    source = job.request()["TransformInput"] | changes.get("input", {})
    others = {name: value for name, value in changes.items() if name != "input"}
    with pytest.raises(ClientError, match=reason) as refusal:
        job.create(TransformInput=source, **others)
    assert code_of(refusal) == "ValidationException"


# --- as a task of Step Functions -----------------------------------------------------------------


def test_without_sync_a_state_goes_on_at_once(job: Transform, execute: Any) -> None:
    job.put({"one.png": picture(1)})
    state = execute(machine(task(TASK, job.request())), {})
    assert json.loads(state["output"]) == {"TransformJobArn": job.described()["TransformJobArn"]}
    job.ended()


@pytest.mark.parametrize(
    ("resource", "changes", "error", "cause"),
    [
        (TASK, {"ModelName": "no"}, "AmazonSageMakerException", "Could not find model"),
        (TASK, {"ModelName": 7}, "AmazonSageMakerException", "Invalid type for parameter"),
        (f"{SDK}describeTransformJob", {}, "SageMakerException", "Could not find requested job"),
        (f"{SDK}inventTransformJob", {}, "SageMakerException", "does not implement the sagemaker"),
    ],
)
def test_a_refused_request_fails_its_state(
    job: Transform, execute: Any, resource: str, changes: dict[str, Any], error: str, cause: str
) -> None:
    arguments = {"TransformJobName": job.name} if resource.startswith(SDK) else job.request()
    state = execute(machine(task(resource, arguments | changes)), {})

    assert (state["status"], state["error"]) == ("FAILED", f"SageMaker.{error}")
    assert cause in state["cause"]
