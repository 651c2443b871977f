"""Findings of cdk-nag's AwsSolutions and NIST 800-53 R5."""

from typing import NamedTuple

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

from stacks.constructs.common.acknowledge import write_acknowledgments

PACKS = (AwsSolutionsChecks, NIST80053R5Checks)


class Finding(NamedTuple):
    rule: str
    path: str


def findings(app: cdk.App) -> set[Finding]:
    """What the packs find and nobody acknowledged, before and after synthesis."""
    write_acknowledgments(app)
    return all_findings(app)


def all_findings(app: cdk.App) -> set[Finding]:
    """What they find without the acknowledgments, if these are not written yet.

    Before and after synthesis: in between, CDK replaces references to other stacks, and with them
    the names of findings.
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
