"""Synthesis in this process, as app.py does it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template

from settings import Settings, load
from settings.loader import validate
from stacks.application import add_stacks

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"
STACKS = ("Storage", "Training", "Inference", "Workflow", "Batch", "Monitoring")

# Beside the environments of the project: as little, and as much, as the settings can ask for.
MINIMAL: dict[str, Any] = {
    "training": {"model_data_url": "s3://some-bucket/models/model.tar.gz"},
    "capture": {"enabled": False},
    "endpoint": {"enabled": False},
}
COMPREHENSIVE: dict[str, Any] = {
    "dataset": {"classes": ["bicycle", "motorcycle", "pickup_truck"]},
    "training": {
        "instance_count": 2,
        "preset": "pretrained",
        "spot": {"enabled": True, "max_wait_minutes": 45},
        "initial_model_data_url": "s3://some-bucket/models/model.tar.gz",
        "hyperparameters": {"kv_store": "dist_sync"},
    },
    "endpoint": {
        "instance_type": "ml.m5.xlarge",
        "instance_count": 2,
        "autoscaling": {"enabled": True, "min_instances": 2, "max_instances": 6},
        "update_policy": {"type": "canary", "rollback_on_alarms": True},
    },
    "workflow": {"rejection_style": "raise", "on_rejection": "fail"},
    "notifications": {
        "emails": ["somebody@example.com"],
        "sms": ["+12025550123"],
        "https": ["https://example.com/notify"],
        "sqs": ["arn:aws:sqs:us-east-1:111122223333:operations"],
    },
    "retention": {"removal": "retain"},
    "encryption": {"customer_managed_key": True},
    "tags": {"owner": "team@example.com", "cost_centre": "4711"},
}


def configuration(name: str) -> Settings:
    """Settings of an environment of the project, or of `minimal`, `comprehensive` or `everything`.

    The last has every kind of resource and of grant at once: a key, and buckets that are emptied.
    """
    extremes = {
        "minimal": MINIMAL,
        "comprehensive": COMPREHENSIVE,
        "everything": {
            **COMPREHENSIVE,
            "training": {**COMPREHENSIVE["training"], "class_weights": "balanced"},
            "retention": {"removal": "destroy"},
        },
    }
    if name in extremes:
        return validate(extremes[name], environment=name, source=__file__)
    return load(name)


Templates = Callable[[str], dict[str, Template]]  # templates("dev")["Storage"]


# The CDK CLI adds this to the context of cdk.json.
CLI_CONTEXT = {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}


def application(settings: Settings, *, validated: bool = True) -> cdk.App:
    """The app, not yet synthesized, with the feature flags of cdk.json.

    `validated` says whether CDK's own rules for templates run when it is. Loading them takes a
    process longer than three syntheses, so only the tests of rules do it.
    """
    app = cdk.App(context=_context(), builtin_cloud_formation_validation=validated)
    add_stacks(app, settings)
    return app


def write_assembly(settings: Settings, folder: Path, *, account: str, region: str) -> None:
    """Synthesize into `folder` what `cdk synth` would, had the settings file these settings."""
    app = cdk.App(
        outdir=str(folder),
        context={**_context(), **CLI_CONTEXT},
        builtin_cloud_formation_validation=False,  # it makes no difference to the assembly
    )
    add_stacks(app, settings, env=cdk.Environment(account=account, region=region))
    app.synth()


def write_assembly_elsewhere(folder: Path, **context: object) -> Path:
    """Run app.py as the CDK CLI does for one who works in another folder, with umask 077.

    It is that of a checkout that only its owner can read, made in `folder`. `context` is what the
    CLI passes on. Returns the folder of the assembly.
    """
    checkout, elsewhere, assembly = (folder / name for name in ("checkout", "elsewhere", "cdk.out"))
    for name in ("lambda_src", "settings", "stacks"):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, checkout)
    for path in checkout.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    elsewhere.mkdir()
    passed_on = {**CLI_CONTEXT, "aws:cdk:version-reporting": True, **context}
    subprocess.run(
        [sys.executable, str(checkout / "app.py")],
        check=True,
        cwd=elsewhere,
        umask=0o077,
        env={
            **os.environ,
            "CDK_OUTDIR": str(assembly),
            "CDK_VALIDATION": "false",  # it makes no difference to the assembly
            "CDK_CONTEXT_JSON": json.dumps(passed_on),
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
        },
    )
    return assembly


def _context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@cache
def synthesize(settings: Settings) -> dict[str, Template]:
    """Templates by stack: the same ones for the same settings, which many tests share."""
    app = application(settings, validated=False)
    return {name: Template.from_stack(find_stack(app, settings, name)) for name in STACKS}


def find_stack(app: cdk.App, settings: Settings, name: str) -> cdk.Stack:
    """The stack called `name` ("Storage", ...)."""
    stack = app.node.find_child(settings.stack_name(name))
    assert isinstance(stack, cdk.Stack)
    return stack


def state_machine(template: Template, *, notice: str = "") -> dict[str, Any]:
    """Properties of the only state machine of the template, or of its notice of that name."""
    (properties,) = (
        resource["Properties"]
        for name, resource in template.find_resources("AWS::StepFunctions::StateMachine").items()
        if (name.startswith(notice) if notice else not name.startswith("NoticeOf"))
    )
    found: dict[str, Any] = properties
    return found


def definition(template: Template, *, notice: str = "") -> dict[str, Any]:
    """That state machine's definition; references to other resources are left out."""
    _, parts = state_machine(template, notice=notice)["DefinitionString"]["Fn::Join"]
    found: dict[str, Any] = json.loads("".join(part for part in parts if isinstance(part, str)))
    return found


def states(template: Template, *, notice: str = "") -> dict[str, Any]:
    """States of that state machine by name."""
    found: dict[str, Any] = definition(template, notice=notice)["States"]
    return found
