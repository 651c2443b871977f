"""EventBridge starts an execution as the role of the rule's target."""

import json
import time
import uuid
from typing import Any

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import statement

PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


def test_only_a_role_that_may_start_the_state_machine_starts_it(
    cloud: LocalCloud, role: Any, create: Any
) -> None:
    events, states = cloud.client("events"), cloud.client("stepfunctions")
    refused, started = create(PASS), create(PASS)
    arn = role(statement("states:StartExecution", started))
    name = f"rule-{uuid.uuid4().hex[:12]}"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [{"Id": str(n), "Arn": each} for n, each in enumerate((refused, started))]
    events.put_targets(Rule=name, Targets=[{**target, "RoleArn": arn} for target in targets])

    events.put_events(Entries=[{"Source": name, "DetailType": "test", "Detail": "{}"}])

    deadline = time.monotonic() + 10
    while not (executions := states.list_executions(stateMachineArn=started)["executions"]):
        assert time.monotonic() < deadline, "the allowed target was not started within 10 s"
        time.sleep(0.05)
    assert len(executions) == 1
    assert states.list_executions(stateMachineArn=refused)["executions"] == []
    events.remove_targets(Rule=name, Ids=["0", "1"])
    events.delete_rule(Name=name)
