"""Every state machine's definition as Step Functions gets it, in each variant of the settings."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from string import ascii_lowercase
from typing import Any, NamedTuple

from aws_cdk.assertions import Template

from settings import Settings
from settings.loader import validate
from tests.infrastructure.synthesis import configuration, synthesize

# Beside the configurations of synthesis.py: each setting that changes a state machine, several at
# once where they change different expressions.
VARIANTS: dict[str, dict[str, Any]] = {
    "fifo, raise, classes not listed": {
        "notifications": {
            "topic": "fifo",
            "sqs": ["arn:aws:sqs:us-east-1:111122223333:operations.fifo"],
        },
        "workflow": {"rejection_style": "raise"},
        "dataset": {"source": "folder"},
    },
    "sms, hundred": {
        "notifications": {"sms": ["+12025550123"]},
        "dataset": {
            "classes": [f"{one}_{two}" for one, two in product(ascii_lowercase[:10], repeat=2)]
        },
    },
    "fail": {"workflow": {"on_rejection": "fail"}},
}
CONFIGURATIONS = ("dev", "prod", "minimal", "comprehensive", *VARIANTS)

ACCOUNT = "aws:{service}:us-east-1:111122223333"
DATA_BUCKET = "databucket"
RESULTS_BUCKET = "artifactbucket"


class StateMachine(NamedTuple):
    variant: str
    stack: str
    logical_id: str
    definition: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.variant} {self.stack} {self.logical_id}"


@cache
def state_machines() -> tuple[StateMachine, ...]:
    """Return each different definition once, as the first variant has it."""
    found: dict[str, StateMachine] = {}
    for variant in CONFIGURATIONS:
        settings = _settings(variant)
        for stack, template in synthesize(settings).items():
            machines = template.find_resources("AWS::StepFunctions::StateMachine")
            for logical_id, resource in machines.items():
                text = _definition(template, resource, settings.environment)
                machine = StateMachine(variant, stack, logical_id, json.loads(text))
                found.setdefault(text, machine)
    return tuple(found.values())


def expressions(definition: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return the path and the text of every JSONata expression."""
    if isinstance(definition, str) and definition.startswith("{%"):
        yield path, definition
    elif isinstance(definition, dict | list):
        members = definition.items() if isinstance(definition, dict) else enumerate(definition)
        for key, value in members:
            yield from expressions(value, f"{path}/{key}")


def _settings(variant: str) -> Settings:
    if variant in VARIANTS:
        return validate(VARIANTS[variant], environment="test", source=__file__)
    return configuration(variant)


def _definition(template: Template, resource: Mapping[str, Any], environment: str) -> str:
    """Return the definition's JSON text, in which the environment is called test."""
    text = resource["Properties"]["DefinitionString"]
    types = {name: each["Type"] for name, each in template.to_json()["Resources"].items()}
    parts = text["Fn::Join"][1] if isinstance(text, dict) else [text]
    definition = "".join(_resolved(part, types) for part in parts)
    return re.sub(rf"\b{environment}\b", "test", definition)


def _resolved(part: Any, types: dict[str, str]) -> str:
    """Return what CloudFormation could put in the part's place; a function is called by its id."""
    match part:
        case str():
            return part
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::GetAtt": [name, "Arn"]} if types[name] == "AWS::Lambda::Function":
            return f"arn:{ACCOUNT.format(service='lambda')}:function:{name}"
        case {"Ref": name} if types.get(name) == "AWS::SNS::Topic" or "topic" in name:
            return f"arn:{ACCOUNT.format(service='sns')}:topic"
        case {"Fn::ImportValue": export} if "EncryptionKey" in export:
            return f"arn:{ACCOUNT.format(service='kms')}:key/00000000-0000-0000-0000-000000000000"
        case {"Fn::ImportValue": export} if bucket := re.search("Ref([A-Za-z]+Bucket)", export):
            return bucket[1].lower()
    raise ValueError(f"definition has {part}: say in _resolved what CloudFormation makes of it")
