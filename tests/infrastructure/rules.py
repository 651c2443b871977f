"""Findings of cdk-nag's AwsSolutions and NIST 800-53 R5."""

from typing import NamedTuple

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

PACKS = (AwsSolutionsChecks, NIST80053R5Checks)


class Finding(NamedTuple):
    rule: str
    path: str


def findings(app: cdk.App) -> set[Finding]:
    """Return what the packs find and the app does not acknowledge, before and after synthesis.

    During it, CDK replaces references to other stacks, and with them the names of findings.
    """
    found = _found(app)
    app.synth(skip_validation=True)
    return found | _found(app)


def _found(app: cdk.App) -> set[Finding]:
    return {
        Finding(violation.rule_name, resource.construct_path or "")
        for pack in PACKS
        for violation in pack(app).validate_scope(app).violations
        for resource in violation.violating_resources
    }
