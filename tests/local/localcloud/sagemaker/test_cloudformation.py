"""The CloudFormation types, in stacks."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE
from tests.local.localcloud.sagemaker.support import IMAGE, SageMaker, new_name, wait


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
