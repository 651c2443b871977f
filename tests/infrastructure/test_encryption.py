"""The customer-managed key: what it encrypts, and who may use it for what."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.synthesis import ROOT, Templates, states
from tests.infrastructure.templates import as_list, statements, templates_with

ON = {"customer_managed_key": True}

# Conditions, each as the only one of its statement.
BY_S3 = ("kms:ViaService", "s3")
BY_SNS = ("kms:ViaService", "sns")
FOR_AWS = ("kms:GrantIsForAWSResource", "true")

READ = {("kms:Decrypt", BY_S3)}
WRITE = {("kms:GenerateDataKey", BY_S3), *READ}
PUBLISH = {("kms:GenerateDataKey", BY_SNS), ("kms:Decrypt", BY_SNS)}
VOLUMES = {("kms:CreateGrant", FOR_AWS)}
USERS = {
    "TrainingJobJobRole": {*WRITE, ("kms:Encrypt", None)},
    "TrainingJobOnEventRole": READ,
    "TrainingJobIsCompleteRole": READ,
    "ImageEndpointModelRole": {*WRITE, *VOLUMES},
    "SerializeImageRole": READ,
    "ClassifyImageRole": READ,
    "ClassificationStateMachineRole": PUBLISH,
    "BatchTransformCheckManifestRole": WRITE,
    "BatchTransformWritePredictionsRole": WRITE,
    "BatchTransformStateMachineRole": {*PUBLISH, *VOLUMES},
    "BulkClassificationClassifyBatchRole": WRITE,
    "BulkClassificationSummarizeBulkRole": WRITE,
    "BulkClassificationStateMachineRole": {*PUBLISH, *WRITE},
    "NoticeOfDeadExecutionStateMachineRole": PUBLISH,
    "NoticeOfAlarmStateMachineRole": PUBLISH,
    "ModelBaselineOnEventRole": WRITE,
    "DriftDetectorFunctionRole": WRITE,
}


def properties(template: Template, type_: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template.find_resources(type_).values()]


def the_key(storage: Template) -> dict[str, Any]:
    (key,) = properties(storage, "AWS::KMS::Key")
    return key


def is_the_key(value: Any, environment: str) -> bool:
    """Whether the value is the ARN of the key, in Storage or imported from it."""
    found: dict[str, Any] = value
    match found:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name).startswith("EncryptionKey")
        case {"Fn::ImportValue": name}:
            return str(name).startswith(
                f"Scones-{environment}-Storage:ExportsOutputFnGetAttEncryptionKey"
            )
    return False


def condition_of(statement: dict[str, Any]) -> tuple[str, str] | None:
    if "Condition" not in statement:
        return None
    ((operands,),) = [list(each.items()) for each in statement["Condition"].values()]
    name, value = operands
    if name == "kms:ViaService":
        (here, in_china) = (each["Fn::Join"][1] for each in value)
        service, region, domain = here
        assert (region, domain) == ({"Ref": "AWS::Region"}, ".amazonaws.com")
        assert in_china == [service, region, ".amazonaws.com.cn"]
        value = service.removesuffix(".")
    return name, value


def uses(
    templates: dict[str, Template], environment: str
) -> Iterator[tuple[str, str, tuple[str, str] | None]]:
    """Role, action and condition of every grant that is about KMS."""
    for template in templates.values():
        for policy in properties(template, "AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = [str(action) for action in as_list(statement["Action"])]
                if not any(action.startswith("kms:") for action in actions):
                    continue
                assert is_the_key(statement["Resource"], environment)
                (role,) = policy["Roles"]
                for action in actions:
                    yield role["Ref"], action, condition_of(statement)


def users(templates: dict[str, Template], environment: str) -> dict[str, set[Any]]:
    """What each role may do, by the beginning of its logical id that `USERS` has."""
    found: dict[str, set[Any]] = {}
    for role, *use in uses(templates, environment):
        name = next((name for name in USERS if role.startswith(name)), role)
        found.setdefault(name, set()).add(tuple(use))
    return found


def test_without_the_setting_there_is_no_key(templates: Templates) -> None:
    for template in templates("dev").values():
        template.resource_count_is("AWS::KMS::Key", 0)
        assert "kms:Decrypt" not in json.dumps(template.to_json())


@pytest.mark.parametrize(
    ("environment", "more"),
    [("prod", {}), ("comprehensive", {"ImageEndpointModelRole": {*WRITE, *VOLUMES}})],
)
def test_the_key_is_used_by_those_who_need_it_and_by_no_other(
    templates: Templates, environment: str, more: dict[str, set[Any]]
) -> None:
    assert users(templates(environment), environment) == {**USERS, **more}


def test_the_key_leaves_its_users_to_iam_but_for_alarms(templates: Templates) -> None:
    key = the_key(templates("prod")["Storage"])

    account, alarms = key["KeyPolicy"]["Statement"]
    assert ":root" in json.dumps(account["Principal"])
    assert "Condition" not in account
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert key["EnableKeyRotation"] is True


def test_alarms_of_the_account_may_publish_to_a_standard_topic() -> None:
    (policy,) = properties(templates_with(encryption=ON)["Workflow"], "AWS::SNS::TopicPolicy")

    _, alarms = policy["PolicyDocument"]["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (alarms["Effect"], alarms["Action"]) == ("Allow", "sns:Publish")
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_fifo_topic_takes_no_alarms() -> None:
    fifo = templates_with(
        encryption=ON,
        notifications={"topic": "fifo", "sqs": ["arn:aws:sqs:us-east-1:111122223333:rejected"]},
    )["Workflow"]

    assert "cloudwatch.amazonaws.com" not in json.dumps(properties(fifo, "AWS::SNS::TopicPolicy"))


@pytest.mark.parametrize("environment", ["prod", "comprehensive"])
def test_buckets_topic_captures_and_model_name_the_key(
    templates: Templates, environment: str
) -> None:
    stacks = templates(environment)

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
    ("training_type", "endpoint_type", "keyed"),
    [
        ("ml.g4dn.xlarge", "ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", "ml.g5.xlarge", False),
        ("ml.p3.2xlarge", "ml.m5.xlarge", True),
        ("ml.p2.xlarge", "ml.c5.xlarge", True),
    ],
)
def test_volumes_have_the_key_where_sagemaker_takes_one(
    training_type: str, endpoint_type: str, keyed: bool
) -> None:
    templates = templates_with(
        encryption=ON,
        training={"instance_type": training_type},
        endpoint={"instance_type": endpoint_type},
        batch_transform={"instance_type": endpoint_type},
    )

    (job,) = properties(templates["Training"], "Custom::TrainingJob")
    (config,) = properties(templates["Inference"], "AWS::SageMaker::EndpointConfig")
    transform = states(templates["Batch"], notice="BatchTransform")["Transform"]["Arguments"]
    for volume_key, stack, role in (
        (job.get("VolumeKmsKeyId"), "Training", "TrainingJobJobRole"),
        (config.get("KmsKeyId"), "Inference", "ImageEndpointModelRole"),
    ):
        granted = "kms:CreateGrant" in json.dumps(statements(templates[stack], role))
        assert (is_the_key(volume_key, "test"), granted) == (keyed, keyed)
    batch = statements(templates["Batch"], "BatchTransformStateMachineRole")
    assert ("kms:CreateGrant" in json.dumps(batch)) is keyed
    assert ("VolumeKmsKeyId" in transform["TransformResources"]) is keyed


def test_a_destroyed_environment_takes_its_key_along() -> None:
    storage = templates_with(encryption=ON, retention={"removal": "destroy"})["Storage"]

    (key,) = storage.find_resources("AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "Delete"
    assert key["Properties"]["PendingWindowInDays"] == 7


def test_switching_the_key_off_first_deploys_every_stack_that_imports_it(
    templates: Templates,
) -> None:
    """CloudFormation refuses to remove an export that another stack imports."""
    text = (ROOT / "docs" / "encryption.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`cdk deploy -e ([^`]+)`", text)

    importing = [
        f"Scones-prod-{stack}"
        for stack, template in templates("prod").items()
        if re.search(r'"Fn::ImportValue": "[^"]*EncryptionKey', json.dumps(template.to_json()))
    ]
    assert sorted(command.split()) == sorted(importing)
