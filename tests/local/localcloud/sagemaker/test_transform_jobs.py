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

from tests.local.localcloud.sagemaker.support import SageMaker, code_of, new_name, picture, wait

ENDED = ("Completed", "Failed", "Stopped")
TASK = "arn:aws:states:::sagemaker:createTransformJob"


class Transform:
    """Transform jobs of one model, each with its input and output in folders of its own."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self.sagemaker = sagemaker
        self.model = sagemaker.model()
        self.name = new_name()
        self.folder = f"transform/{self.name}"

    def put(self, **objects: bytes) -> None:
        for name, body in objects.items():
            self.sagemaker.put(f"{self.folder}/in/{name.replace('__', '/')}.png", body)

    def manifest(self, *content: Any) -> str:
        return self.sagemaker.put(f"{self.folder}/manifest.json", json.dumps(content).encode())

    def request(self, uri: str | None = None, **changes: Any) -> dict[str, Any]:
        data = {"S3DataType": "S3Prefix", "S3Uri": self.sagemaker.uri(f"{self.folder}/in/")}
        if uri is not None:
            data = {"S3DataType": "ManifestFile", "S3Uri": uri}
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

    def create(self, uri: str | None = None, **changes: Any) -> None:
        self.sagemaker.api.create_transform_job(**self.request(uri, **changes))

    def described(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.api.describe_transform_job(
            TransformJobName=self.name
        )
        return answer

    def ended(self) -> dict[str, Any]:
        wait(lambda: self.described()["TransformJobStatus"] in ENDED)
        return self.described()

    def outputs(self) -> dict[str, bytes]:
        s3, bucket = self.sagemaker.s3, self.sagemaker.bucket
        prefix = f"{self.folder}/out/"
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            item["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=item["Key"])[
                "Body"
            ].read()
            for item in found
        }


@pytest.fixture
def job(sagemaker: SageMaker) -> Transform:
    return Transform(sagemaker)


def label_in(output: bytes) -> int:
    ((name, probabilities),) = json.loads(output).items()
    assert name == "prediction"
    assert sum(probabilities) == pytest.approx(1)
    return int(np.argmax(probabilities))


def test_every_object_below_a_prefix_gets_an_output(job: Transform) -> None:
    job.put(one=picture(0, 7), deeper__two=picture(1, 8))
    job.create()
    described = job.ended()
    assert described["TransformJobStatus"] == "Completed"
    assert "FailureReason" not in described
    assert described["CreationTime"] <= described["TransformStartTime"]
    assert described["TransformStartTime"] < described["TransformEndTime"]
    assert described["TransformJobArn"].endswith(f":000000000000:transform-job/{job.name}")
    assert described["TransformInput"] == job.request()["TransformInput"]
    outputs = job.outputs()
    assert {name: label_in(body) for name, body in outputs.items()} == {
        "one.png.out": 0,
        "deeper/two.png.out": 1,
    }


def test_a_manifest_chooses_the_objects(job: Transform) -> None:
    job.put(a__one=picture(0, 7), a__two=picture(0, 8), b__three=picture(1, 9))
    prefix = job.sagemaker.uri(f"{job.folder}/in/")
    uri = job.manifest({"prefix": prefix}, "b/three.png", "a/one.png")
    job.create(uri)
    assert job.ended()["TransformJobStatus"] == "Completed"
    assert {name: label_in(body) for name, body in job.outputs().items()} == {
        "a/one.png.out": 0,
        "b/three.png.out": 1,
    }


def test_keys_that_differ_by_a_slash_have_outputs_of_their_own(job: Transform) -> None:
    job.sagemaker.put(f"{job.folder}/in/one.png", picture(0, 7))
    job.sagemaker.put(f"{job.folder}/in//one.png", picture(1, 9))
    prefix = job.sagemaker.uri(f"{job.folder}/in/")
    job.create(job.manifest({"prefix": prefix}, "one.png", "/one.png"))
    assert job.ended()["TransformJobStatus"] == "Completed"
    assert {name: label_in(body) for name, body in job.outputs().items()} == {
        "one.png.out": 0,
        "/one.png.out": 1,
    }


def test_accept_and_assembly_shape_the_output(job: Transform) -> None:
    job.put(one=picture(0, 7))
    output = {
        "S3OutputPath": job.sagemaker.uri(f"{job.folder}/out/"),
        "Accept": "application/json",
        "AssembleWith": "Line",
    }
    job.create(TransformOutput=output)
    assert job.ended()["TransformJobStatus"] == "Completed"
    (body,) = job.outputs().values()
    assert body.endswith(b"]\n")
    assert len(json.loads(body)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"no picture", id="refused by the model"),
        pytest.param(picture(0) + b"." * (1 << 20), id="larger than MaxPayloadInMB"),
    ],
)
def test_a_bad_object_fails_the_job_but_not_the_others(job: Transform, bad: bytes) -> None:
    job.put(bad=bad, good=picture(1, 7))
    job.create(MaxPayloadInMB=1)
    described = job.ended()
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    assert job.outputs().keys() == {"good.png.out"}


def test_a_server_that_dies_during_a_job_is_started_again_and_loses_no_object(
    job: Transform,
) -> None:
    some = picture(0, 7)
    job.put(**{f"n{number}": some for number in range(150)})
    job.create(MaxConcurrentTransforms=1)
    wait(lambda: bool(job.outputs()))

    (server,) = re.findall(
        rf"^ *(\d+) .*transform-{job.name}",
        subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout,
        re.MULTILINE,
    )
    os.kill(int(server), signal.SIGKILL)

    assert job.ended()["TransformJobStatus"] == "Completed"
    assert len(job.outputs()) == 150


def test_an_object_of_the_manifest_that_is_not_there_fails_the_job_too(job: Transform) -> None:
    job.put(good=picture(1, 7))
    prefix = job.sagemaker.uri(f"{job.folder}/in/")
    job.create(job.manifest({"prefix": prefix}, "gone.png", "good.png"))
    assert job.ended()["FailureReason"].startswith("ClientError: ")
    assert job.outputs().keys() == {"good.png.out"}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (["one.png"], r"Unable to read the manifest s3://.*manifest\.json: not \[\{\"prefix\""),
        ([{"prefix": "s3://t/"}, 7], "Unable to read the manifest"),
        ([{"prefix": "s3://t/"}], "No S3 objects found"),
    ],
)
def test_an_input_of_nothing_fails_the_job(
    job: Transform, manifest: list[Any], reason: str
) -> None:
    job.create(job.manifest(*manifest))
    described = job.ended()
    assert described["TransformJobStatus"] == "Failed"
    assert re.search(reason, described["FailureReason"])


def test_a_model_that_does_not_start_fails_the_job(job: Transform) -> None:
    job.model = job.sagemaker.model(job.sagemaker.broken_model_data())
    job.put(one=picture(0))
    job.create()
    assert "failed to respond to ping" in job.ended()["FailureReason"]
    assert job.outputs() == {}


def test_stop_ends_a_job(job: Transform) -> None:
    job.put(one=picture(0))
    prefix = job.sagemaker.uri(f"{job.folder}/in/")
    job.create(job.manifest({"prefix": prefix}, *(["one.png"] * 20_000)))
    wait(job.outputs)
    job.sagemaker.api.stop_transform_job(TransformJobName=job.name)
    described = job.ended()
    assert described["TransformJobStatus"] == "Stopped"
    assert "FailureReason" not in described
    with pytest.raises(ClientError, match="transform job is in status Stopped"):
        job.sagemaker.api.stop_transform_job(TransformJobName=job.name)


def test_a_name_can_be_used_once_and_must_be_known(job: Transform) -> None:
    with pytest.raises(ClientError, match=f"Could not find requested job with name: {job.name}"):
        job.described()
    job.put(one=picture(0))
    job.create(Tags=[{"Key": "project", "Value": "scones"}])
    with pytest.raises(ClientError, match="a job with this name already exists") as refusal:
        job.create()
    assert code_of(refusal) == "ResourceInUse"
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
    ],
)
def test_a_job_that_cannot_be_is_refused(
    job: Transform, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason) as refusal:
        job.create(**changes)
    assert code_of(refusal) == "ValidationException"


@pytest.mark.parametrize(("member", "value"), [("SplitType", "Line"), ("CompressionType", "Gzip")])
def test_an_object_is_one_record(job: Transform, member: str, value: str) -> None:
    source = job.request()["TransformInput"] | {member: value}
    with pytest.raises(ClientError, match=f"does not implement {member} {value}"):
        job.create(TransformInput=source)


# --- as a task of Step Functions -----------------------------------------------------------------


def task(job: Transform, resource: str = f"{TASK}.sync", **changes: Any) -> dict[str, Any]:
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Transform",
        "States": {
            "Transform": {
                "Type": "Task",
                "Resource": resource,
                "Arguments": job.request(**changes),
                "End": True,
            }
        },
    }


def test_a_state_waits_for_the_end_of_its_job(job: Transform, execute: Any) -> None:
    job.put(one=picture(1))
    state = execute(task(job), {})
    assert state["status"] == "SUCCEEDED"
    output = json.loads(state["output"])
    assert (output["TransformJobName"], output["TransformJobStatus"]) == (job.name, "Completed")
    assert job.outputs().keys() == {"one.png.out"}


def test_without_sync_a_state_goes_on_at_once(job: Transform, execute: Any) -> None:
    job.put(one=picture(1))
    state = execute(task(job, TASK), {})
    assert json.loads(state["output"]) == {"TransformJobArn": job.described()["TransformJobArn"]}
    job.ended()


def test_a_failed_job_fails_its_state_with_the_description(job: Transform, execute: Any) -> None:
    job.put(bad=b"no picture")
    state = execute(task(job), {})
    assert (state["status"], state["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(state["cause"])
    assert cause["TransformJobStatus"] == "Failed"
    assert cause["FailureReason"] == "ClientError: See job logs for more information"


def test_a_request_that_is_refused_fails_its_state(job: Transform, execute: Any) -> None:
    state = execute(task(job, ModelName="nothing"), {})
    assert (state["status"], state["error"]) == ("FAILED", "SageMaker.AmazonSageMakerException")
    assert "Could not find model" in state["cause"]


def sdk_task(job: Transform, action: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:sagemaker:{action}",
        "Arguments": {"TransformJobName": job.name},
        **more,
    }


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


def test_a_state_that_times_out_leaves_its_job_for_others_to_stop(
    job: Transform, execute: Any
) -> None:
    job.put(one=picture(0))
    prefix = job.sagemaker.uri(f"{job.folder}/in/")
    manifest = job.manifest({"prefix": prefix}, *(["one.png"] * 20_000))
    source = job.request(manifest)["TransformInput"]
    transform = task(job, TransformInput=source)["States"]["Transform"]
    catch = {"ErrorEquals": ["States.Timeout"], "Next": "Describe"}
    states = machine(
        Transform=transform | {"TimeoutSeconds": 1, "Catch": [catch]},
        Describe=sdk_task(
            job, "describeTransformJob", Next="Stop", Assign={"before": "{% $states.result %}"}
        ),
        Stop=sdk_task(
            job,
            "stopTransformJob",
            End=True,
            Output={"before": "{% $before %}", "stop": "{% $states.result %}"},
        ),
    )

    output = json.loads(execute(states, {})["output"])

    before = output["before"]
    assert (before["TransformJobName"], before["TransformJobStatus"]) == (job.name, "InProgress")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z", before["CreationTime"])
    assert output["stop"] == {}
    assert job.ended()["TransformJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("action", "cause"),
    [
        ("describeTransformJob", "Could not find requested job with name"),
        ("inventTransformJob", "does not implement the sagemaker operation InventTransformJob"),
    ],
)
def test_what_the_sdk_is_refused_fails_its_state(
    job: Transform, execute: Any, action: str, cause: str
) -> None:
    state = execute(machine(Call=sdk_task(job, action, End=True)), {})

    assert (state["status"], state["error"]) == ("FAILED", "SageMaker.SageMakerException")
    assert cause in state["cause"]


def test_a_name_that_is_taken_fails_its_state(job: Transform, execute: Any) -> None:
    job.put(one=picture(0))
    job.create()

    state = execute(task(job), {})

    assert (state["status"], state["error"]) == ("FAILED", "SageMaker.ResourceInUseException")
    assert "a job with this name already exists" in state["cause"]
    job.ended()
