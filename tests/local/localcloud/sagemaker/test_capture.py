"""Data capture of a serving endpoint."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.sagemaker.support import SageMaker, picture


def test_every_invocation_is_captured(sagemaker: SageMaker) -> None:
    config = sagemaker.config(sagemaker.model(), capture=sagemaker.capture())
    name = sagemaker.endpoint(config)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda label: sagemaker.classify(name, label % 2), range(60)))
    with pytest.raises(ClientError):
        sagemaker.runtime.invoke_endpoint(EndpointName=name, ContentType="image/png", Body=b"")
    sagemaker.classify(name, 0, InferenceId="last")
    sagemaker.api.delete_endpoint(EndpointName=name)

    files = sagemaker.captures(f"captures/{name}/")
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
