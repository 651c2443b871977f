"""The customer-managed key and what it encrypts; test_iam.py judges who may use it."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.synthesis import ROOT, Templates, states
from tests.infrastructure.templates import templates_with

ON = {"customer_managed_key": True}
FIFO = {"topic": "fifo", "sqs": ["arn:aws:sqs:us-east-1:111122223333:rejected"]}
# Without and with volumes that take a key: instances with local storage have none.
UNKEYED = {
    "encryption": ON,
    "notifications": FIFO,
    "batch_transform": {"instance_type": "ml.g5.xlarge"},
}
KEYED = {
    "encryption": ON,
    "training": {"instance_type": "ml.p3.2xlarge"},
    "endpoint": {"instance_type": "ml.m5.xlarge"},
    "batch_transform": {"instance_type": "ml.c5.xlarge"},
}


def properties(template: Template, type_: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template.find_resources(type_).values()]


def the_key(storage: Template) -> dict[str, Any]:
    (key,) = properties(storage, "AWS::KMS::Key")
    return key


def is_the_key(value: Any, environment: str) -> bool:
    """Tell whether the value is the ARN of the key, in Storage or imported from it."""
    found: dict[str, Any] = value
    match found:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name).startswith("EncryptionKey")
        case {"Fn::ImportValue": name}:
            return str(name).startswith(
                f"Scones-{environment}-Storage:ExportsOutputFnGetAttEncryptionKey"
            )
    return False


def test_without_the_setting_there_is_no_key(templates: Templates) -> None:
    for template in templates("dev").values():
        template.resource_count_is("AWS::KMS::Key", 0)
        assert "kms:Decrypt" not in json.dumps(template.to_json())


def test_a_fifo_topic_takes_no_alarms() -> None:
    fifo = templates_with(**UNKEYED)["Workflow"]

    assert "cloudwatch.amazonaws.com" not in json.dumps(properties(fifo, "AWS::SNS::TopicPolicy"))


@pytest.mark.parametrize("environment", ["prod", "comprehensive"])
def test_buckets_topic_captures_and_model_name_the_key(
    templates: Templates, environment: str
) -> None:
    stacks = templates(environment)

    assert the_key(stacks["Storage"])["EnableKeyRotation"] is True
    buckets = properties(stacks["Storage"], "AWS::S3::Bucket")
    assert len(buckets) == 3
    for bucket in buckets:
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        assert default["SSEAlgorithm"] == "aws:kms"
        assert is_the_key(default["KMSMasterKeyID"], environment)
        assert rule["BucketKeyEnabled"] is True
    (topic,) = properties(stacks["Workflow"], "AWS::SNS::Topic")
    assert is_the_key(topic["KmsMasterKeyId"], environment)
    (config,) = properties(stacks["Inference"], "AWS::SageMaker::EndpointConfig")
    assert is_the_key(config["DataCaptureConfig"]["KmsKeyId"], environment)
    (job,) = properties(stacks["Training"], "Custom::TrainingJob")
    assert is_the_key(job["OutputKmsKeyId"], environment)


@pytest.mark.parametrize(
    ("values", "keyed"), [(UNKEYED, False), (KEYED, True)], ids=["local", "volumes"]
)
def test_volumes_have_the_key_where_sagemaker_takes_one(
    values: dict[str, Any], keyed: bool
) -> None:
    templates = templates_with(**values)

    (job,) = properties(templates["Training"], "Custom::TrainingJob")
    (config,) = properties(templates["Inference"], "AWS::SageMaker::EndpointConfig")
    transform = states(templates["Batch"], notice="BatchTransform")["Transform"]["Arguments"]
    assert is_the_key(job.get("VolumeKmsKeyId"), "test") is keyed
    assert is_the_key(config.get("KmsKeyId"), "test") is keyed
    for stack in ("Training", "Inference", "Batch"):
        policies = json.dumps(templates[stack].find_resources("AWS::IAM::Policy"))
        assert ("kms:CreateGrant" in policies) is keyed
    assert ("VolumeKmsKeyId" in transform["TransformResources"]) is keyed


def test_a_destroyed_environment_takes_its_key_along() -> None:
    storage = templates_with(**KEYED)["Storage"]

    (key,) = storage.find_resources("AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "Delete"
    assert key["Properties"]["PendingWindowInDays"] == 7


def test_switching_the_key_off_first_deploys_every_stack_that_imports_it(
    templates: Templates,
) -> None:
    """CloudFormation refuses to remove an export that another stack imports."""
    text = (ROOT / "docs" / "encryption.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^cdk deploy -e (.+)$", text, re.MULTILINE)

    importing = [
        f"Scones-prod-{stack}"
        for stack, template in templates("prod").items()
        if re.search(r'"Fn::ImportValue": "[^"]*EncryptionKey', json.dumps(template.to_json()))
    ]
    assert sorted(command.split()) == sorted(importing)
