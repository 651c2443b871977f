"""The checks of this folder can fail: each of these finds a fault."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from stacks.constructs.common.acknowledge import acknowledge
from tests.infrastructure.iam.account import Account
from tests.infrastructure.iam.calls import Call
from tests.infrastructure.iam.judging import judge_all
from tests.infrastructure.iam.reasons import UNUSED, covered
from tests.infrastructure.synthesis import configuration
from tests.infrastructure.test_definitions import diagnostics
from tests.infrastructure.test_function_assets import import_alone
from tests.infrastructure.test_rules import acknowledgments, stale


def widened_policy(_: Path) -> bool:
    role, account = "Workflow/SerializeImageRole", Account(configuration("dev"))
    policies = account.identity_policies
    policies[role] = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]
    call = Call(role, "s3:DeleteBucket", account.arn("Storage/DataBucket"))
    judged = judge_all({"widened": (account, [call])})["widened"]
    said = {str(each) for each in judged.unused([call]) if not covered(each, account, UNUSED)}
    return judged.denied([call]) == [] and f"{role}: s3:* on *" in said


def stale_acknowledgment(_: Path) -> bool:
    app = cdk.App()
    acknowledge(cdk.Stack(app, "Stack"), "AwsSolutions-SQS3", reason="There is no queue yet.")
    return [each.rule for each in stale(acknowledgments(app), set())] == ["AwsSolutions-SQS3"]


def unknown_next_state(_: Path) -> bool:
    call = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Nowhere"}
    machine = {"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": call}}
    return diagnostics({"wrong": machine}).keys() == {"wrong"}


def import_from_outside(folder: Path) -> bool:
    (folder / "handler.py").write_text("import settings\n")
    imported: subprocess.CompletedProcess[str] = import_alone("handler", {}, folder)
    return "No module named 'settings'" in imported.stderr


@pytest.mark.parametrize(
    "found", [widened_policy, stale_acknowledgment, unknown_next_state, import_from_outside]
)
def test_a_fault_is_found(found: Callable[[Path], bool], tmp_path: Path) -> None:
    assert found(tmp_path)
