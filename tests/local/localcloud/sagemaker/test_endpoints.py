"""Endpoints and invocations."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.sagemaker.support import SageMaker, code_of, new_name, picture


def test_an_endpoint_describes_its_variants(sagemaker: SageMaker, endpoint: str) -> None:
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
def test_an_invalid_invocation_is_refused(
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
        answer = sagemaker.runtime.invoke_endpoint(
            EndpointName=name, ContentType="image/png", Body=picture(0), **headers
        )
        assert answer["ContentType"] == "application/json"
        return answer["InvokedProductionVariant"]

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
