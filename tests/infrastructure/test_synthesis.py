"""Synthesis is a pure function of the settings."""

from aws_cdk.assertions import Annotations, Match

from settings import load
from settings.loader import validate
from tests.infrastructure.synthesis import (
    Templates,
    application,
    find_stack,
    synthesize,
)


def test_the_same_settings_give_the_same_templates(templates: Templates) -> None:
    again = synthesize.__wrapped__(load("dev"))  # not from the cache

    assert {name: template.to_json() for name, template in templates("dev").items()} == {
        name: template.to_json() for name, template in again.items()
    }


def test_a_retired_instance_type_is_warned_of() -> None:
    settings = validate(
        {"endpoint": {"instance_type": "ml.p2.xlarge"}}, environment="test", source="test.toml"
    )
    stack = find_stack(application(settings, validated=False), settings, "Inference")

    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp(".*ml.p2.xlarge.*"))
