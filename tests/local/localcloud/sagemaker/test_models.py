"""Models, endpoint configurations and tags."""

import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.sagemaker.support import SageMaker, code_of


def test_a_model_needs_its_artifact_and_a_configuration_its_model(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="Could not find model data at s3://") as refusal:
        sagemaker.model(sagemaker.uri("nothing.tar.gz"))
    assert code_of(refusal) == "ValidationException"
    with pytest.raises(ClientError, match=r'Could not find model "arn:aws:sagemaker:.*/nothing"'):
        sagemaker.config("nothing")


def test_models_and_configurations_come_and_go(sagemaker: SageMaker) -> None:
    api, model = sagemaker.api, sagemaker.model()
    for kind, snake, name, members in (
        ("EndpointConfig", "endpoint_config", sagemaker.config(model), ("ProductionVariants",)),
        ("Model", "model", model, ("ExecutionRoleArn", "PrimaryContainer")),
    ):
        key = {f"{kind}Name": name}
        described = getattr(api, f"describe_{snake}")(**key)
        assert described[f"{kind}Arn"].endswith(f"/{name}")
        with pytest.raises(ClientError, match="Cannot create already existing"):
            getattr(api, f"create_{snake}")(**key, **{each: described[each] for each in members})
        pages = api.get_paginator(f"list_{snake}s").paginate(PaginationConfig={"PageSize": 1})
        listed = [item[f"{kind}Name"] for page in pages for item in page[f"{kind}s"]]
        assert listed.count(name) == 1
        getattr(api, f"delete_{snake}")(**key)
        with pytest.raises(ClientError, match=rf'Could not find .* "arn:aws:.*/{name}"\.'):
            getattr(api, f"describe_{snake}")(**key)


def test_tags_can_be_added_and_removed(sagemaker: SageMaker) -> None:
    arn = sagemaker.api.describe_model(ModelName=sagemaker.model())["ModelArn"]
    sagemaker.api.add_tags(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    sagemaker.api.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.api.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_an_operation_that_is_missing_is_named(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="does not implement the sagemaker operation") as refusal:
        sagemaker.api.list_notebook_instances()
    assert code_of(refusal) == "UnknownOperationException"
