"""The templates as a whole. After a wanted change: make snapshots, and read the diff."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.infrastructure.synthesis import STACKS, Templates

# Names of assets are hashes of their content; a changed handler should not churn every snapshot.
ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def normalised(template: Template) -> Any:
    return json.loads(ASSET_HASH.sub("<asset>", json.dumps(template.to_json())))


@pytest.mark.parametrize("name", ["prod", "minimal", "comprehensive"])
@pytest.mark.parametrize("stack", STACKS)
def test_template_is_as_it_was(
    templates: Templates, name: str, stack: str, snapshot: SnapshotAssertion
) -> None:
    assert normalised(templates(name)[stack]) == snapshot(extension_class=JSONSnapshotExtension)
