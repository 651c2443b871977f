"""Findings of cdk-nag that stay as they are, each with its reason, beside what it is about.

Rules run in tests/infrastructure/test_rules.py, which also finds acknowledgments that no finding
needs any more. They are metadata of the construct tree: the templates do not show them.
"""

import json
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Acknowledges these rules for the construct and everything in it.

    A rule is what the report calls it, as `AwsSolutions-S1`; cdk-nag 3 compares the whole name, so
    one with a detail, as `AwsSolutions-IAM5[Resource::*]`, is not covered by `AwsSolutions-IAM5`.
    """
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule in rules)
    )


def acknowledge_wildcard(construct: IConstruct, resource: str, *, reason: str) -> None:
    """Acknowledges that a policy in the construct grants `resource`, which holds a "*".

    `resource` is the ARN exactly as the policy has it, tokens and all.
    """
    stack = cdk.Stack.of(construct)
    forms = dict.fromkeys((resource, _imported(resource, stack)))
    acknowledge(
        construct,
        *(f"AwsSolutions-IAM5[Resource::{_flat(stack.resolve(form))}]" for form in forms),
        reason=reason,
    )


def acknowledge_inline_policy(role: IConstruct) -> None:
    """Acknowledges that the grants of the role (or of the role in `role`) are an inline policy."""
    acknowledge(
        role,
        "NIST.800.53.R5-IAMNoInlinePolicy",
        reason="What this one role may do belongs to it and goes with it; a managed policy could "
        "be attached to others.",
    )


def _imported(resource: str, stack: cdk.Stack) -> str:
    # While it synthesizes, CDK replaces a reference to another stack by the import of its export,
    # and cdk-nag names findings by what is there when it looks.
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
