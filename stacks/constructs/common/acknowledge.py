"""Findings of cdk-nag that stay as they are, each with its reason, beside what it is about.

Rules run in tests/infrastructure/test_rules.py, which also finds acknowledgments that no finding
needs any more. They are metadata of the construct tree: the templates do not show them.

A synthesis without rules does not pay for them: they are only noted, until somebody who adds rules
has them written into the tree. For a pack of your own, in app.py:

    write_acknowledgments(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct


class _Note(NamedTuple):
    # Both take calls to Node.js to find out: a grantee's role, the names of a wildcard.
    about: Callable[[], IConstruct]
    rules: Callable[[IConstruct], Iterable[str]]
    reason: str


# By a construct of the app, as jsii names it, so that those of two apps in one process do not meet.
_notes: defaultdict[str, list[_Note]] = defaultdict(list)


def write_acknowledgments(scope: IConstruct) -> None:
    """Writes what was acknowledged in `scope`, such as the app, into its construct tree.

    To be called once the stacks are there and before `synth`, by whoever adds rules; without it,
    they find everything that was acknowledged.
    """
    for construct in scope.node.find_all():
        for note in _notes.pop(_name(construct), []):
            about = note.about()
            cdk.Validations.of(about).acknowledge(
                *(cdk.Acknowledgment(id=rule, reason=note.reason) for rule in note.rules(about))
            )


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Acknowledges these rules for the construct and everything in it.

    A rule is what the report calls it, as `AwsSolutions-S1`; cdk-nag 3 compares the whole name, so
    one with a detail, as `AwsSolutions-IAM5[Resource::*]`, is not covered by `AwsSolutions-IAM5`.
    """
    _notes[_name(construct)].append(_Note(lambda: construct, lambda _: rules, reason))


def acknowledge_wildcard(construct: IConstruct, resource: str, *, reason: str) -> None:
    """Acknowledges that a policy in the construct grants `resource`, which holds a "*".

    `resource` is the ARN exactly as the policy has it, tokens and all.
    """
    _note_wildcard(construct, lambda: construct, resource, reason)


def acknowledge_granted_wildcard(grantee: iam.IGrantable, resource: str, *, reason: str) -> None:
    """As `acknowledge_wildcard`, for the policy of the grantee's role."""

    def role() -> IConstruct:
        principal = grantee.grant_principal
        assert isinstance(principal, Construct)
        return principal

    assert isinstance(grantee, Construct)
    _note_wildcard(grantee, role, resource, reason)


def acknowledge_inline_policy(role: IConstruct) -> None:
    """Acknowledges that the grants of the role (or of the role in `role`) are an inline policy."""
    acknowledge(
        role,
        "NIST.800.53.R5-IAMNoInlinePolicy",
        reason="What this one role may do belongs to it and goes with it; a managed policy could "
        "be attached to others.",
    )


def _name(construct: IConstruct) -> str:
    # Not the Python object, which is another one each time for a construct that CDK itself made,
    # as the role of a state machine; and not the path, which costs two calls to Node.js.
    name: str = construct.__jsii_ref__.ref  # type: ignore[attr-defined]
    return name


def _note_wildcard(
    construct: IConstruct, about: Callable[[], IConstruct], resource: str, reason: str
) -> None:
    note = _Note(about, lambda policy: _wildcard_rules(policy, resource), reason)
    _notes[_name(construct)].append(note)


def _wildcard_rules(construct: IConstruct, resource: str) -> list[str]:
    stack = cdk.Stack.of(construct)
    forms = dict.fromkeys((resource, _imported(resource, stack)))
    return [f"AwsSolutions-IAM5[Resource::{_flat(stack.resolve(form))}]" for form in forms]


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
