"""Findings of cdk-nag that stay, each with its reason, beside the resource.

They are metadata of the construct tree, which the templates do not show.
tests/infrastructure/test_rules.py runs the rules, and finds acknowledgments without a finding. To
run a pack of rules at every synth, add to app.py:

    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
"""

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Acknowledge rules for the construct and everything in it.

    A rule is named as in the report: `AwsSolutions-S1`. cdk-nag compares the whole name, so
    `AwsSolutions-IAM5` does not cover one with a detail, such as `AwsSolutions-IAM5[Resource::*]`.
    """
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule in rules)
    )


def acknowledge_wildcard(construct: IConstruct, resource: str, *, reason: str) -> None:
    """Acknowledge that a policy in the construct grants `resource`, which contains a "*".

    `resource` is the ARN exactly as in the policy, with its tokens.
    """
    stack = cdk.Stack.of(construct)
    forms = dict.fromkeys((resource, _imported(resource, stack)))
    rules = (f"AwsSolutions-IAM5[Resource::{_flat(stack.resolve(form))}]" for form in forms)
    acknowledge(construct, *rules, reason=reason)


def acknowledge_granted_wildcard(grantee: iam.IGrantable, resource: str, *, reason: str) -> None:
    """Acknowledge a wildcard of the policy of the grantee's role."""
    role = grantee.grant_principal
    assert isinstance(role, Construct)
    acknowledge_wildcard(role, resource, reason=reason)


def acknowledge_inline_policy(role: IConstruct) -> None:
    """Acknowledge that the grants of the role (or of the role in `role`) are an inline policy."""
    acknowledge(
        role,
        "NIST.800.53.R5-IAMNoInlinePolicy",
        reason="The permissions belong to this role and are deleted with it; a managed policy "
        "could be attached to others.",
    )


def _imported(resource: str, stack: cdk.Stack) -> str:
    # During synthesis, CDK replaces a reference to another stack by the import of its export, and
    # cdk-nag names findings by what it finds, before or after.
    for token in cdk.Tokenization.reverse_string(resource).tokens:
        if isinstance(token, cdk.Reference) and (owner := cdk.Stack.of(token.target)) != stack:
            resource = resource.replace(token.to_string(), str(owner.export_value(token)))
    return resource


def _flat(value: Any) -> str:
    # As cdk-nag writes it: src/utils/flatten-cfn-reference.ts
    match value:
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_flat(part) for part in parts)
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{logical_id}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case dict():
            return json.dumps(value, separators=(",", ":"))
        case _:
            return str(value)
