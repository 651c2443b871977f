"""Rules for the templates: cdk-nag's AwsSolutions and NIST 800-53 R5, and cfn-lint.

NIST 800-53 R5 is the stricter pack because it is for any system; HIPAA's rules for these resources
are the same, but for patient data, which we do not have. A finding that stays has its reason beside
the resource (stacks/constructs/common/acknowledge.py), or here for cfn-lint.
"""

import json
from typing import NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from settings import Settings
from settings.loader import validate
from stacks.constructs.common.grants import allow
from tests.infrastructure.rules import Finding, findings
from tests.infrastructure.synthesis import STACKS, Templates, application, configuration

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")

IGNORED_BY_CFN_LINT = {
    "W3005": "CDK writes DependsOn for the role and its policy; the role alone is implied already.",
    "W6001": "CaptureUri joins a bucket of Storage with a prefix that Inference decides.",
}


MIN_WORDS = 4  # fewer are no reason


class Acknowledged(NamedTuple):
    rule: str
    path: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        return self.rule == finding.rule and f"{finding.path}/".startswith(f"{self.path}/")


def acknowledgments(app: cdk.App) -> list[Acknowledged]:
    return [
        Acknowledged(rule.removeprefix("Annotation::"), construct.node.path, reason)
        for construct in app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for rule, reason in entry.data.items()
    ]


def stale(acknowledged: list[Acknowledged], found: set[Finding]) -> list[Acknowledged]:
    return [one for one in acknowledged if not any(one.covers(finding) for finding in found)]


@pytest.fixture(scope="module", params=["dev", "prod", "minimal", "comprehensive"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return configuration(request.param)


@pytest.fixture(scope="module")
def app(settings: Settings) -> cdk.App:
    return application(settings)


# --- cdk-nag -------------------------------------------------------------------------------------


def test_every_finding_is_mended_or_acknowledged(app: cdk.App) -> None:
    assert findings(app) == set()


def test_every_acknowledgment_has_a_reason_and_a_finding(app: cdk.App, settings: Settings) -> None:
    acknowledged = acknowledgments(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk.Validations, "acknowledge", lambda *_: None)
        bare = application(settings, validated=False)

    assert acknowledged
    assert [one for one in acknowledged if len(one.reason.split()) < MIN_WORDS] == []
    assert stale(acknowledged, findings(bare)) == []


def test_logs_may_be_kept_for_ever() -> None:
    settings = validate(
        {"retention": {"log_retention": "INFINITE"}}, environment="test", source="test.toml"
    )

    assert findings(application(settings)) == set()


def test_a_wildcard_needs_its_reason() -> None:
    role = iam.Role(cdk.Stack(), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    with pytest.raises(ValueError, match=r"s3:GetObject on arn:aws:s3:::pictures/\*: say"):
        allow(role, "s3:GetObject", on="arn:aws:s3:::pictures/*")


# --- cfn-lint ------------------------------------------------------------------------------------


def test_cfn_lint_finds_only_what_is_ignored(templates: Templates) -> None:
    # Every process that collects the tests would load it.
    from cfnlint.config import ConfigMixIn
    from cfnlint.decode import decode_str
    from cfnlint.runner import Runner

    linter = Runner(ConfigMixIn(regions=list(REGIONS)))
    said: dict[str, list[str]] = {}
    for stack in STACKS:
        decoded, errors = decode_str(json.dumps(templates("everything")[stack].to_json()))
        assert not errors
        for match in linter.validate_template(decoded):
            said.setdefault(match.rule.id, []).append(f"{stack}: {match.message}")

    assert {rule: said[rule] for rule in said if rule not in IGNORED_BY_CFN_LINT} == {}
    assert said.keys() == IGNORED_BY_CFN_LINT.keys()
