"""Every resource that can have tags has the tags of the settings."""

from typing import Any

from settings.loader import validate
from tests.infrastructure.invariants import resources
from tests.infrastructure.synthesis import Templates

# Types without tags, by CloudFormation's resource reference.
WITHOUT_TAGS = {
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "Custom::ModelBaseline",
    "Custom::S3AutoDeleteObjects",
}
EXPECTED = {
    "project": "scones",
    "environment": "everything",
    "owner": "team@example.com",
    "cost-centre": "4711",
}


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    tags = resource["Properties"].get("Tags", [])
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def test_every_resource_that_can_have_tags_has_them(templates: Templates) -> None:
    stacks = templates("everything")
    untagged = {
        name
        for name, resource in resources(stacks).items()
        if resource["Type"] not in WITHOUT_TAGS
        and not tags_of(resource).items() >= EXPECTED.items()
    }

    # With a changed tag, CloudFormation would write its value: nothing is staged.
    (pointer,) = untagged
    assert pointer.startswith("DatasetPointer")
    assert tags_of(resources(stacks)[pointer]) == {}


def test_tags_that_are_not_set_are_left_out() -> None:
    settings = validate({}, environment="test", source="test.toml")

    assert settings.tags_by_key == {"project": "scones", "environment": "test"}
