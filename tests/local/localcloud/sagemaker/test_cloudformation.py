"""The CloudFormation types, in stacks."""

import re
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.stacks import Stack, Template, resource, template
from tests.local.localcloud.roles import ROLE
from tests.local.localcloud.sagemaker.support import IMAGE, SageMaker, new_name

TAGS = [{"Key": "project", "Value": "scones"}]


class Serving:
    """A stack of Model, EndpointConfig and Endpoint; only the endpoint has a name."""

    def __init__(self, cloud: LocalCloud, sagemaker: SageMaker) -> None:
        self.stack = Stack(cloud.client("cloudformation"), new_name())
        self.sagemaker = sagemaker
        self.endpoint = new_name()

    def template(self, model_data: str) -> Template:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": "1",
            "InitialVariantWeight": 1,
        }
        return template(
            Model=resource(
                "AWS::SageMaker::Model",
                PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data},
                ExecutionRoleArn=ROLE,
                Tags=TAGS,
            ),
            EndpointConfig=resource(
                "AWS::SageMaker::EndpointConfig",
                ProductionVariants=[variant],
                DataCaptureConfig=self.sagemaker.capture(EnableCapture="true"),
            ),
            Endpoint=resource(
                "AWS::SageMaker::Endpoint",
                EndpointName=self.endpoint,
                EndpointConfigName={"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]},
                Tags=TAGS,
            ),
        )

    def create(self, model_data: str) -> str:
        self.stack.create(self.template(model_data))
        return self.stack.settled()

    def update(self, model_data: str) -> str:
        self.stack.update(self.template(model_data), state="")
        return self.stack.settled()

    def arns(self) -> dict[str, str]:
        """Return the value of Ref for each resource."""
        found = self.stack.cloudformation.describe_stack_resources(StackName=self.stack.name)
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in found["StackResources"]
        }

    def failures(self) -> str:
        return "\n".join(self.stack.reasons())


@pytest.fixture
def serving(cloud: LocalCloud, sagemaker: SageMaker) -> Iterator[Serving]:
    made = Serving(cloud, sagemaker)
    yield made
    made.stack.delete()


def name_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_a_stack_is_complete_when_its_endpoint_serves(
    sagemaker: SageMaker, serving: Serving
) -> None:
    assert serving.create(sagemaker.model_data) == "CREATE_COMPLETE"

    assert sagemaker.classify(serving.endpoint, 0)
    arns = serving.arns()
    prefix = "arn:aws:sagemaker:us-east-1:000000000000:"
    assert re.fullmatch(rf"{prefix}model/Model-\w+", arns["Model"])
    assert re.fullmatch(rf"{prefix}endpoint-config/EndpointConfig-\w+", arns["EndpointConfig"])
    assert arns["Endpoint"] == f"{prefix}endpoint/{serving.endpoint}"
    assert sagemaker.api.list_tags(ResourceArn=arns["Endpoint"])["Tags"] == TAGS

    serving.stack.delete()
    api = sagemaker.api
    for describe, kind in (
        (api.describe_endpoint, "Endpoint"),
        (api.describe_model, "Model"),
        (api.describe_endpoint_config, "EndpointConfig"),
    ):
        with pytest.raises(ClientError, match="Could not find"):
            describe(**{f"{kind}Name": name_in(arns[kind])})
    # The capture is written although the stack deleted the endpoint at once.
    (records,) = sagemaker.captures(f"captures/{serving.endpoint}/AllTraffic/").values()
    assert len(records) == 1


def test_an_updated_stack_replaces_the_model_under_the_endpoint(
    sagemaker: SageMaker, serving: Serving
) -> None:
    serving.create(sagemaker.model_data)
    before = serving.arns()
    key = sagemaker.model_data.removeprefix(sagemaker.uri(""))
    content = sagemaker.s3.get_object(Bucket=sagemaker.bucket, Key=key)["Body"].read()

    assert serving.update(sagemaker.put("models/copy.tar.gz", content)) == "UPDATE_COMPLETE"

    after = serving.arns()
    assert [kind for kind in before if after[kind] == before[kind]] == ["Endpoint"]
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.api.describe_model(ModelName=name_in(before["Model"]))
    described = sagemaker.api.describe_endpoint(EndpointName=serving.endpoint)
    assert described["EndpointConfigName"] == name_in(after["EndpointConfig"])
    assert sagemaker.classify(serving.endpoint, 1)


def test_a_failed_update_rolls_back_to_the_serving_endpoint(
    sagemaker: SageMaker, serving: Serving
) -> None:
    serving.create(sagemaker.model_data)
    before = serving.arns()

    assert serving.update(sagemaker.broken_model_data()) == "UPDATE_ROLLBACK_COMPLETE"

    assert "did not pass the ping health check" in serving.failures()
    assert serving.arns() == before
    described = sagemaker.api.describe_endpoint(EndpointName=serving.endpoint)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == name_in(before["EndpointConfig"])
    assert sagemaker.classify(serving.endpoint, 1)


def test_a_failed_create_leaves_nothing(sagemaker: SageMaker, serving: Serving) -> None:
    assert serving.create(sagemaker.broken_model_data()) == "ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in serving.failures()
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.api.describe_endpoint(EndpointName=serving.endpoint)


def test_a_property_that_aws_would_refuse_fails_the_stack(
    sagemaker: SageMaker, serving: Serving
) -> None:
    serving.endpoint = "no_underscores"
    assert serving.create(sagemaker.model_data) == "ROLLBACK_COMPLETE"
    assert "Value 'no_underscores' at 'endpointName' failed to satisfy" in serving.failures()
