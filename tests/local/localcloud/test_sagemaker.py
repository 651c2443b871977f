"""SageMaker of the local cloud, as boto3 and CloudFormation see it."""

import base64
import io
import json
import re
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from localcloud.launcher import LocalCloud

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
ROLE = "arn:aws:iam::000000000000:role/scones"
CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


def picture(label: int, seed: int = 0, form: str = "PNG") -> bytes:
    """A noisy picture of 32 x 32: label 0 has bars across, label 1 has bars upright."""
    noise = np.random.default_rng(seed).integers(0, 60, (32, 32, 3), dtype=np.uint8)
    bars = np.where(np.arange(32) // 4 % 2 == 0, 180, 20).astype(np.uint8)
    pixels = noise + (bars[:, None] if label == 0 else bars[None, :])[..., None]
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def new_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def wait(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        time.sleep(0.05)
    return result


class SageMaker:
    """SageMaker with pictures to train on, and short ways to its operations."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.api = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        self.s3 = cloud.client("s3")
        self.bucket = new_name()
        self.s3.create_bucket(Bucket=self.bucket)
        self._stage()
        self.job = new_name()
        self.train(self.job)
        self.model_data = self.ended(self.job)["ModelArtifacts"]["S3ModelArtifacts"]

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def _stage(self) -> None:
        for channel, count in (("train", 24), ("validation", 8)):
            lines = []
            for number in range(count):
                name, label = f"{number}.png", number % 2
                body = picture(label, seed=hash((channel, number)) & 0xFFFF)
                self.s3.put_object(Bucket=self.bucket, Key=f"data/{channel}/{name}", Body=body)
                lines.append(f"{number}\t{label}\t{name}")
            self.put(f"data/{channel}.lst", "\n".join(lines).encode())
        # The same few pictures many times: training that takes a while.
        long = [f"{number}\t{number % 2}\t{number % 24}.png" for number in range(20_000)]
        self.put("data/long.lst", "\n".join(long).encode())

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self.uri(key)

    def training_request(self, name: str, **changes: Any) -> dict[str, Any]:
        channels = {
            "train": "data/train/",
            "validation": "data/validation/",
            "train_lst": "data/train.lst",
            "validation_lst": "data/validation.lst",
        } | changes.pop("channels", {})
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": {
                "num_classes": "2",
                "num_training_samples": "24",
                "image_shape": "3,32,32",
            },
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "ContentType": "application/x-image",
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.uri(key)}
                    },
                }
                for channel, key in channels.items()
            ],
            "OutputDataConfig": {"S3OutputPath": self.uri("models")},
            "ResourceConfig": {
                "InstanceType": "ml.g4dn.xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 10,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return request | changes

    def train(self, name: str, **changes: Any) -> None:
        self.api.create_training_job(**self.training_request(name, **changes))

    def ended(self, job: str) -> dict[str, Any]:
        def described() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.api.describe_training_job(TrainingJobName=job)
            done = answer["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")
            return answer if done else None

        result: dict[str, Any] = wait(described)
        return result

    def model(self, model_data: str | None = None) -> str:
        name = new_name()
        self.api.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data or self.model_data},
        )
        return name

    def broken_model_data(self) -> str:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("readme"))
        return self.put(f"broken/{new_name()}.tar.gz", content.getvalue())

    def config(
        self, *models: str, weights: tuple[int, ...] = (1, 1), capture: dict[str, Any] | None = None
    ) -> str:
        name = new_name()
        variants = [
            {
                "VariantName": f"Variant{number}",
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weights[number],
            }
            for number, model in enumerate(models)
        ]
        request: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": variants}
        if capture is not None:
            request["DataCaptureConfig"] = capture
        self.api.create_endpoint_config(**request)
        return name

    def settled(self, endpoint: str) -> dict[str, Any]:
        def described() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.api.describe_endpoint(EndpointName=endpoint)
            return answer if answer["EndpointStatus"] in ("InService", "Failed") else None

        result: dict[str, Any] = wait(described)
        return result

    def endpoint(self, config: str) -> str:
        name = new_name()
        self.api.create_endpoint(EndpointName=name, EndpointConfigName=config)
        described = self.settled(name)
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")
        return name

    def classify(self, endpoint: str, label: int, form: str = "PNG", **headers: Any) -> bool:
        """Whether the endpoint recognizes a picture of `label`."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=picture(label, seed=7, form=form),
            **({"ContentType": CONTENT_TYPES[form]} | headers),
        )
        probabilities = json.loads(answer["Body"].read())
        assert sum(probabilities) == pytest.approx(1)
        return int(np.argmax(probabilities)) == label

    def captures(self, prefix: str) -> dict[str, list[dict[str, Any]]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {
            key: [
                json.loads(line)
                for line in self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].iter_lines()
            ]
            for key in keys
        }

    def capture(self, **changes: Any) -> dict[str, Any]:
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": self.uri("captures"),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        } | changes


@pytest.fixture(scope="module")
def sagemaker(cloud: LocalCloud) -> SageMaker:
    return SageMaker(cloud)


@pytest.fixture(scope="module")
def endpoint(sagemaker: SageMaker) -> Iterator[str]:
    """An endpoint in service, without capture, that tests only invoke."""
    name = sagemaker.endpoint(sagemaker.config(sagemaker.model()))
    yield name
    sagemaker.api.delete_endpoint(EndpointName=name)


def code_of(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refusal.value.response["Error"]["Code"])


# --- Training jobs ---


def test_the_life_of_a_training_job(sagemaker: SageMaker) -> None:
    job = sagemaker.ended(sagemaker.job)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    transitions = job["SecondaryStatusTransitions"]
    assert [transition["Status"] for transition in transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    for earlier, later in zip(transitions, transitions[1:], strict=False):
        assert earlier["StartTime"] <= earlier["EndTime"] == later["StartTime"]
    assert job["CreationTime"] <= job["TrainingStartTime"] < job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert metrics.keys() == {"train:accuracy", "validation:accuracy"}
    assert metrics["validation:accuracy"] > 0.9
    url = sagemaker.uri(f"models/{sagemaker.job}/output/model.tar.gz")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == url
    assert job["TrainingJobArn"].endswith(f":000000000000:training-job/{sagemaker.job}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"HyperParameters": {"num_classes": "2"}},
            r"^ClientError: .*num_training_samples.*, exit code: 1$",
            id="the algorithm refuses",
        ),
        pytest.param(
            {"channels": {"train": "data/none/"}},
            r"^ClientError: Data download failed: No S3 objects found under S3 URL "
            r'"s3://t-\w+/data/none/".*us-east-1.*"s3:ListBucket"',
            id="no data",
        ),
        pytest.param(
            {"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket-here/models"}},
            r"^ClientError: Artifact upload failed: s3://no-such-bucket-here/models/",
            id="nowhere to put the model",
        ),
    ],
)
def test_a_failure_says_its_reason(
    sagemaker: SageMaker, changes: dict[str, Any], reason: str
) -> None:
    name = new_name()
    sagemaker.train(name, **changes)
    job = sagemaker.ended(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert re.search(reason, job["FailureReason"], re.DOTALL)
    assert "ModelArtifacts" not in job


LONG = {"channels": {"train_lst": "data/long.lst"}}


def test_stop_ends_a_job_in_training(sagemaker: SageMaker) -> None:
    name = new_name()
    sagemaker.train(name, **LONG)
    wait(
        lambda: (
            sagemaker.api.describe_training_job(TrainingJobName=name)["SecondaryStatus"]
            == "Training"
        )
    )
    sagemaker.api.stop_training_job(TrainingJobName=name)
    job = sagemaker.ended(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert "FailureReason" not in job
    with pytest.raises(ClientError, match="training job is in status Stopped"):
        sagemaker.api.stop_training_job(TrainingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(sagemaker: SageMaker) -> None:
    name = new_name()
    sagemaker.train(name, **LONG, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = sagemaker.ended(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_name_can_be_used_once(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="job with this name already exists") as refusal:
        sagemaker.train(sagemaker.job)
    assert code_of(refusal) == "ResourceInUse"


def test_an_unknown_job_is_not_found(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match=r"Requested resource not found\.") as refusal:
        sagemaker.api.describe_training_job(TrainingJobName="nothing")
    assert code_of(refusal) == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RoleArn": "arn:aws:iam::12:role/too-short"}, "at 'roleArn' failed to satisfy"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
                    "TrainingInputMode": "File",
                }
            },
            r"811284229777\.dkr\.ecr\.us-east-1\.amazonaws\.com/xgboost:1 not found",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}},
            "does not implement TrainingInputMode Pipe",
        ),
        ({"ResourceConfig": {"InstanceType": "ml.g4dn.xlarge"}}, "InstanceCount"),
    ],
)
def test_a_job_that_cannot_be_is_refused(
    sagemaker: SageMaker, changes: dict[str, Any], reason: str
) -> None:
    name = new_name()
    with pytest.raises(ClientError, match=reason) as refusal:
        sagemaker.train(name, **changes)
    assert code_of(refusal) == "ValidationException"
    assert not sagemaker.api.list_training_jobs(NameContains=name)["TrainingJobSummaries"]


def test_jobs_are_listed(sagemaker: SageMaker) -> None:
    found = sagemaker.api.list_training_jobs(NameContains=sagemaker.job, StatusEquals="Completed")
    (summary,) = found["TrainingJobSummaries"]
    assert summary["TrainingJobName"] == sagemaker.job
    assert not sagemaker.api.list_training_jobs(
        NameContains=sagemaker.job, StatusEquals="InProgress"
    )["TrainingJobSummaries"]


# --- Models and endpoint configurations ---


def test_a_model_needs_its_artifact(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="Could not find model data at s3://") as refusal:
        sagemaker.model(sagemaker.uri("nothing.tar.gz"))
    assert code_of(refusal) == "ValidationException"


def test_models_and_configurations_come_and_go(sagemaker: SageMaker) -> None:
    model = sagemaker.model()
    config = sagemaker.config(model)
    api = sagemaker.api
    for kind, name in (("Model", model), ("EndpointConfig", config)):
        snake = "model" if kind == "Model" else "endpoint_config"
        key = {f"{kind}Name": name}
        described = getattr(api, f"describe_{snake}")(**key)
        assert described[f"{kind}Arn"].endswith(f"/{name}")
        pages = api.get_paginator(f"list_{snake}s").paginate(PaginationConfig={"PageSize": 1})
        listed = [item[f"{kind}Name"] for page in pages for item in page[f"{kind}s"]]
        assert listed.count(name) == 1
        getattr(api, f"delete_{snake}")(**key)
        with pytest.raises(ClientError, match=rf'Could not find .* "arn:aws:.*/{name}"\.'):
            getattr(api, f"describe_{snake}")(**key)


def test_names_must_be_free(sagemaker: SageMaker) -> None:
    model = sagemaker.model()
    described = sagemaker.api.describe_model(ModelName=model)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.api.create_model(
            ModelName=model,
            ExecutionRoleArn=ROLE,
            PrimaryContainer=described["PrimaryContainer"],
        )


def test_a_configuration_needs_its_model(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match=r'Could not find model "arn:aws:sagemaker:.*/nothing"'):
        sagemaker.config("nothing")


def test_tags_can_be_added_and_removed(sagemaker: SageMaker) -> None:
    arn = sagemaker.api.describe_model(ModelName=sagemaker.model())["ModelArn"]
    sagemaker.api.add_tags(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    sagemaker.api.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.api.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_an_operation_that_is_missing_is_named(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="does not implement the SageMaker operation") as refusal:
        sagemaker.api.list_notebook_instances()
    assert code_of(refusal) == "UnknownOperationException"


# --- Endpoints ---


def test_an_endpoint_tells_what_it_serves(sagemaker: SageMaker, endpoint: str) -> None:
    described = sagemaker.api.describe_endpoint(EndpointName=endpoint)
    (variant,) = described["ProductionVariants"]
    assert variant["VariantName"] == "Variant0"
    assert variant["CurrentInstanceCount"] == 1
    assert "DataCaptureConfig" not in described
    (summary,) = sagemaker.api.list_endpoints(NameContains=endpoint)["Endpoints"]
    assert summary["EndpointArn"] == described["EndpointArn"]


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("label", [0, 1])
def test_pictures_are_classified(
    sagemaker: SageMaker, endpoint: str, form: str, label: int
) -> None:
    assert sagemaker.classify(endpoint, label, form)
    assert sagemaker.classify(endpoint, label, form, ContentType="application/x-image")


def test_the_answer_names_variant_and_content_type(sagemaker: SageMaker, endpoint: str) -> None:
    answer = sagemaker.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="image/png", Accept="application/json", Body=picture(0)
    )
    assert answer["InvokedProductionVariant"] == "Variant0"
    assert answer["ContentType"] == "application/json"


def test_a_bad_picture_is_a_model_error_and_the_server_goes_on(
    sagemaker: SageMaker, endpoint: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        sagemaker.runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="image/png", Body=b"no picture"
        )
    response: Any = refusal.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400
    assert "PNG" in response["OriginalMessage"]
    assert response["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{endpoint}")
    assert sagemaker.classify(endpoint, 1)


def test_another_content_type_is_a_model_error(sagemaker: SageMaker, endpoint: str) -> None:
    with pytest.raises(ClientError, match=r"client error \(415\) from primary"):
        sagemaker.classify(endpoint, 0, ContentType="text/csv")


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({"EndpointName": "nothing"}, 400, "Endpoint nothing of account 000000000000 not found"),
        ({"Body": bytes(6 * 2**20 + 1)}, 413, "6291457 bytes is too large"),
        ({"TargetVariant": "Other"}, 400, "Variant Other not found"),
        ({"TargetModel": "other.tar.gz"}, 400, "does not implement TargetModel"),
        ({"InferenceId": "x" * 65}, 400, "at 'inferenceId' failed to satisfy constraint"),
    ],
)
def test_an_invocation_that_cannot_be_is_refused(
    sagemaker: SageMaker, endpoint: str, request_: dict[str, Any], status: int, reason: str
) -> None:
    default = {"EndpointName": endpoint, "ContentType": "image/png", "Body": picture(0)}
    with pytest.raises(ClientError, match=reason) as refusal:
        sagemaker.runtime.invoke_endpoint(**(default | request_))
    assert code_of(refusal) == "ValidationError"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_variants_share_the_traffic_by_weight(sagemaker: SageMaker) -> None:
    model = sagemaker.model()
    name = sagemaker.endpoint(sagemaker.config(model, model, weights=(1, 0)))

    def variant(**headers: str) -> Any:
        return sagemaker.runtime.invoke_endpoint(
            EndpointName=name, ContentType="image/png", Body=picture(0), **headers
        )["InvokedProductionVariant"]

    assert {variant() for _ in range(20)} == {"Variant0"}
    assert variant(TargetVariant="Variant1") == "Variant1"
    sagemaker.api.delete_endpoint(EndpointName=name)


def test_an_update_fails_no_invocation(sagemaker: SageMaker) -> None:
    model = sagemaker.model()
    name = sagemaker.endpoint(sagemaker.config(model))
    config = sagemaker.config(model)
    updated = threading.Event()

    def invoke_until_updated() -> int:
        count = 0
        while not updated.is_set():
            assert sagemaker.classify(name, 0)
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(invoke_until_updated) for _ in range(4)]
        sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=config)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            sagemaker.api.delete_endpoint(EndpointName=name)
        described = sagemaker.settled(name)
        updated.set()
        assert all(count.result() > 0 for count in counts)
    assert described["EndpointConfigName"] == config
    sagemaker.api.delete_endpoint(EndpointName=name)


def test_a_failed_update_leaves_the_old_servers(sagemaker: SageMaker) -> None:
    config = sagemaker.config(sagemaker.model())
    name = sagemaker.endpoint(config)
    broken = sagemaker.config(sagemaker.model(sagemaker.broken_model_data()))
    sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = sagemaker.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == config
    assert "did not pass the ping health check" in described["FailureReason"]
    assert sagemaker.classify(name, 1)
    sagemaker.api.delete_endpoint(EndpointName=name)


def test_an_endpoint_that_cannot_serve_fails(sagemaker: SageMaker) -> None:
    name = new_name()
    model_data = sagemaker.put("models/soon-gone.tar.gz", b"")
    config = sagemaker.config(sagemaker.model(model_data))
    sagemaker.s3.delete_object(Bucket=sagemaker.bucket, Key="models/soon-gone.tar.gz")
    sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = sagemaker.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert f'from URL: "{model_data}"' in described["FailureReason"]
    sagemaker.api.delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.api.describe_endpoint(EndpointName=name)


# --- Data capture ---


def test_every_invocation_is_captured(sagemaker: SageMaker) -> None:
    config = sagemaker.config(sagemaker.model(), capture=sagemaker.capture())
    name = sagemaker.endpoint(config)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda label: sagemaker.classify(name, label % 2), range(60)))
    with pytest.raises(ClientError):
        sagemaker.runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"")
    sagemaker.classify(name, 0, InferenceId="last", CustomAttributes="trace=1")
    sagemaker.api.delete_endpoint(EndpointName=name)

    files = sagemaker.captures(f"captures/{name}/")
    layout = (
        rf"captures/{name}/Variant0/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-[0-9a-f-]{{36}}\.jsonl"
    )
    assert all(re.fullmatch(layout, key) for key in files)
    records = [record for lines in files.values() for record in lines]
    assert len(records) == 61
    assert len(files) < len(records)
    pictures = [base64.b64decode(r["captureData"]["endpointInput"]["data"]) for r in records]
    assert sorted(pictures) == sorted([picture(0, seed=7)] * 31 + [picture(1, seed=7)] * 30)
    for record in records:
        output = record["captureData"]["endpointOutput"]
        assert output["encoding"] == "JSON"
        assert len(json.loads(output["data"])) == 2
    (last,) = [r["eventMetadata"] for r in records if "inferenceId" in r["eventMetadata"]]
    assert last["inferenceId"] == "last"
    assert last["customAttributes"] == ["trace=1"]


def test_captures_appear_while_the_endpoint_serves(sagemaker: SageMaker) -> None:
    config = sagemaker.config(sagemaker.model(), capture=sagemaker.capture())
    name = sagemaker.endpoint(config)
    sagemaker.classify(name, 0)
    wait(lambda: sagemaker.captures(f"captures/{name}/"), seconds=3)
    sagemaker.api.delete_endpoint(EndpointName=name)


def test_a_destination_that_is_missing_fails_no_invocation(sagemaker: SageMaker) -> None:
    capture = sagemaker.capture(DestinationS3Uri="s3://no-such-bucket-here/captures")
    name = sagemaker.endpoint(sagemaker.config(sagemaker.model(), capture=capture))
    assert sagemaker.classify(name, 0)
    sagemaker.api.delete_endpoint(EndpointName=name)


# --- CloudFormation ---


class Stack:
    """A stack of Model, EndpointConfig and Endpoint; only the endpoint has a name."""

    def __init__(self, cloud: LocalCloud, sagemaker: SageMaker) -> None:
        self.api = cloud.client("cloudformation")
        self.sagemaker = sagemaker
        self.name = new_name()
        self.endpoint = new_name()

    def template(self, model_data: str) -> str:
        tags = [{"Key": "project", "Value": "scones"}]
        resources = {
            "Model": {
                "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": model_data},
                "ExecutionRoleArn": ROLE,
                "Tags": tags,
            },
            "EndpointConfig": {
                "ProductionVariants": [
                    {
                        "VariantName": "AllTraffic",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                        "InstanceType": "ml.m5.large",
                        "InitialInstanceCount": "1",
                        "InitialVariantWeight": 1,
                    }
                ],
                "DataCaptureConfig": self.sagemaker.capture(),
            },
            "Endpoint": {
                "EndpointName": self.endpoint,
                "EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]},
                "Tags": tags,
            },
        }
        outputs = {
            f"{kind}{what}": {"Value": value}
            for kind in resources
            for what, value in {
                "Ref": {"Ref": kind},
                "Name": {"Fn::GetAtt": [kind, f"{kind}Name"]},
            }.items()
        }
        return json.dumps(
            {
                "Resources": {
                    kind: {"Type": f"AWS::SageMaker::{kind}", "Properties": properties}
                    for kind, properties in resources.items()
                },
                "Outputs": outputs,
            }
        )

    def create(self, model_data: str) -> str:
        self.api.create_stack(StackName=self.name, TemplateBody=self.template(model_data))
        return self.status()

    def update(self, model_data: str) -> str:
        self.api.update_stack(StackName=self.name, TemplateBody=self.template(model_data))
        return self.status()

    def status(self) -> str:
        def final() -> str | None:
            status = str(self.described()["StackStatus"])
            return None if status.endswith("_IN_PROGRESS") else status

        result: str = wait(final)
        return result

    def described(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.api.describe_stacks(StackName=self.name)["Stacks"][0]
        return stack

    def outputs(self) -> dict[str, str]:
        return {item["OutputKey"]: item["OutputValue"] for item in self.described()["Outputs"]}

    def delete(self) -> None:
        self.api.delete_stack(StackName=self.name)

        def gone() -> bool:
            try:
                return bool(self.described()["StackStatus"] == "DELETE_COMPLETE")
            except ClientError:
                return True

        wait(gone)

    def failures(self) -> str:
        events = self.api.describe_stack_events(StackName=self.name)["StackEvents"]
        return "\n".join(
            event.get("ResourceStatusReason", "")
            for event in events
            if event["ResourceStatus"].endswith("_FAILED")
        )


@pytest.fixture
def stack(cloud: LocalCloud, sagemaker: SageMaker) -> Iterator[Stack]:
    made = Stack(cloud, sagemaker)
    yield made
    made.delete()


def test_a_stack_is_complete_when_its_endpoint_serves(sagemaker: SageMaker, stack: Stack) -> None:
    assert stack.create(sagemaker.model_data) == "CREATE_COMPLETE"

    assert sagemaker.classify(stack.endpoint, 0)
    outputs = stack.outputs()
    for kind, part in (
        ("Model", "model"),
        ("EndpointConfig", "endpoint-config"),
        ("Endpoint", "endpoint"),
    ):
        name = outputs[f"{kind}Name"]
        arn = f"arn:aws:sagemaker:us-east-1:000000000000:{part}/{name}"
        assert outputs[f"{kind}Ref"] == arn
    assert outputs["EndpointName"] == stack.endpoint
    assert re.fullmatch(r"EndpointConfig-\w+", outputs["EndpointConfigName"])
    tags = sagemaker.api.list_tags(ResourceArn=outputs["EndpointRef"])["Tags"]
    assert tags == [{"Key": "project", "Value": "scones"}]

    stack.delete()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.api.describe_model(ModelName=outputs["ModelName"])
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        sagemaker.api.describe_endpoint_config(EndpointConfigName=outputs["EndpointConfigName"])
    # Nobody waited for the capture, and the stack deleted the endpoint at once.
    (records,) = sagemaker.captures(f"captures/{stack.endpoint}/AllTraffic/").values()
    assert len(records) == 1


def test_an_updated_stack_replaces_the_model_under_the_endpoint(
    sagemaker: SageMaker, stack: Stack
) -> None:
    stack.create(sagemaker.model_data)
    before = stack.outputs()
    copy = sagemaker.put("models/copy.tar.gz", _read(sagemaker, sagemaker.model_data))

    assert stack.update(copy) == "UPDATE_COMPLETE"

    after = stack.outputs()
    assert after["EndpointRef"] == before["EndpointRef"]
    for kind in ("Model", "EndpointConfig"):
        assert after[f"{kind}Name"] != before[f"{kind}Name"]
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.api.describe_model(ModelName=before["ModelName"])
    described = sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)
    assert described["EndpointConfigName"] == after["EndpointConfigName"]
    assert sagemaker.classify(stack.endpoint, 1)


def test_a_failed_update_rolls_back_to_the_serving_endpoint(
    sagemaker: SageMaker, stack: Stack
) -> None:
    stack.create(sagemaker.model_data)
    before = stack.outputs()

    assert stack.update(sagemaker.broken_model_data()) == "UPDATE_ROLLBACK_COMPLETE"

    assert "did not pass the ping health check" in stack.failures()
    assert stack.outputs() == before
    described = sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)
    assert described["EndpointConfigName"] == before["EndpointConfigName"]
    assert sagemaker.classify(stack.endpoint, 1)


def test_a_failed_create_leaves_nothing(sagemaker: SageMaker, stack: Stack) -> None:
    assert stack.create(sagemaker.broken_model_data()) == "ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in stack.failures()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)


def test_a_property_that_aws_would_refuse_fails_the_stack(
    sagemaker: SageMaker, stack: Stack
) -> None:
    stack.endpoint = "no_underscores"
    assert stack.create(sagemaker.model_data) == "ROLLBACK_COMPLETE"
    assert "Value 'no_underscores' at 'endpointName' failed to satisfy" in stack.failures()


def _read(sagemaker: SageMaker, uri: str) -> bytes:
    key = uri.removeprefix(sagemaker.uri(""))
    content: bytes = sagemaker.s3.get_object(Bucket=sagemaker.bucket, Key=key)["Body"].read()
    return content
