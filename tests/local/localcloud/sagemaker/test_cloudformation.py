"""The CloudFormation types, in stacks."""

import json
import re
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE
from tests.local.localcloud.sagemaker.support import IMAGE, SageMaker, new_name, wait

TAGS = [{"Key": "project", "Value": "scones"}]


class Stack:
    """A stack of Model, EndpointConfig and Endpoint; only the endpoint has a name."""

    def __init__(self, cloud: LocalCloud, sagemaker: SageMaker) -> None:
        self.api = cloud.client("cloudformation")
        self.sagemaker = sagemaker
        self.name = new_name()
        self.endpoint = new_name()

    def template(self, model_data: str) -> str:
        resources = {
            "Model": {
                "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": model_data},
                "ExecutionRoleArn": ROLE,
                "Tags": TAGS,
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
                "DataCaptureConfig": self.sagemaker.capture(EnableCapture="true"),
            },
            "Endpoint": {
                "EndpointName": self.endpoint,
                "EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]},
                "Tags": TAGS,
            },
        }
        return json.dumps(
            {
                "Resources": {
                    kind: {"Type": f"AWS::SageMaker::{kind}", "Properties": properties}
                    for kind, properties in resources.items()
                }
            }
        )

    def create(self, model_data: str) -> str:
        self.api.create_stack(StackName=self.name, TemplateBody=self.template(model_data))
        return self.status()

    def update(self, model_data: str) -> str:
        self.api.update_stack(StackName=self.name, TemplateBody=self.template(model_data))
        return self.status()

    def delete(self) -> None:
        self.api.delete_stack(StackName=self.name)
        self.api.get_waiter("stack_delete_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
        )

    def status(self) -> str:
        def final() -> str | None:
            (stack,) = self.api.describe_stacks(StackName=self.name)["Stacks"]
            status: str = stack["StackStatus"]
            return None if status.endswith("_IN_PROGRESS") else status

        result: str = wait(final)
        return result

    def arns(self) -> dict[str, str]:
        """Return the value of Ref for each resource."""
        found = self.api.describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

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


def name_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_a_stack_is_complete_when_its_endpoint_serves(sagemaker: SageMaker, stack: Stack) -> None:
    assert stack.create(sagemaker.model_data) == "CREATE_COMPLETE"

    assert sagemaker.classify(stack.endpoint, 0)
    arns = stack.arns()
    prefix = "arn:aws:sagemaker:us-east-1:000000000000:"
    assert re.fullmatch(rf"{prefix}model/Model-\w+", arns["Model"])
    assert re.fullmatch(rf"{prefix}endpoint-config/EndpointConfig-\w+", arns["EndpointConfig"])
    assert arns["Endpoint"] == f"{prefix}endpoint/{stack.endpoint}"
    assert sagemaker.api.list_tags(ResourceArn=arns["Endpoint"])["Tags"] == TAGS

    stack.delete()
    api = sagemaker.api
    for describe, kind in (
        (api.describe_endpoint, "Endpoint"),
        (api.describe_model, "Model"),
        (api.describe_endpoint_config, "EndpointConfig"),
    ):
        with pytest.raises(ClientError, match="Could not find"):
            describe(**{f"{kind}Name": name_in(arns[kind])})
    # The capture is written although the stack deleted the endpoint at once.
    (records,) = sagemaker.captures(f"captures/{stack.endpoint}/AllTraffic/").values()
    assert len(records) == 1


def test_an_updated_stack_replaces_the_model_under_the_endpoint(
    sagemaker: SageMaker, stack: Stack
) -> None:
    stack.create(sagemaker.model_data)
    before = stack.arns()
    key = sagemaker.model_data.removeprefix(sagemaker.uri(""))
    content = sagemaker.s3.get_object(Bucket=sagemaker.bucket, Key=key)["Body"].read()

    assert stack.update(sagemaker.put("models/copy.tar.gz", content)) == "UPDATE_COMPLETE"

    after = stack.arns()
    assert [kind for kind in before if after[kind] == before[kind]] == ["Endpoint"]
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.api.describe_model(ModelName=name_in(before["Model"]))
    described = sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)
    assert described["EndpointConfigName"] == name_in(after["EndpointConfig"])
    assert sagemaker.classify(stack.endpoint, 1)


def test_a_failed_update_rolls_back_to_the_serving_endpoint(
    sagemaker: SageMaker, stack: Stack
) -> None:
    stack.create(sagemaker.model_data)
    before = stack.arns()

    assert stack.update(sagemaker.broken_model_data()) == "UPDATE_ROLLBACK_COMPLETE"

    assert "did not pass the ping health check" in stack.failures()
    assert stack.arns() == before
    described = sagemaker.api.describe_endpoint(EndpointName=stack.endpoint)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == name_in(before["EndpointConfig"])
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
