"""Functions and state machines for the tests of the emulator itself."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE, create_role
from tests.local.waiting import wait

PYTHON = {"Runtime": "python3.13", "Handler": "app.handler"}


def archive(files: Mapping[str, str]) -> bytes:
    """Return a ZIP archive of `files`, content by path."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as written:
        for file, content in files.items():
            written.writestr(file, content)
    return code.getvalue()


def function_request(name: str, source: str, **changed: Any) -> dict[str, Any]:
    """Return what creates a Python function, whose `handler` the source defines."""
    code = {"ZipFile": archive({"app.py": source})}
    request = {"FunctionName": name, "Role": ROLE, "Code": code, **PYTHON}
    return request | changed


class Functions:
    """Lambda functions made from a few lines of source, deleted at the end of the test."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.client = cloud.client("lambda")
        self.names: list[str] = []

    def python(self, source: str, modules: Mapping[str, str] | None = None, **settings: Any) -> str:
        """ARN of a new Python function; `source` defines `handler`, beside `modules` by path."""
        files = {"app.py": source, **(modules or {})}
        return self._create(files, **PYTHON, **settings)

    def node(self, source: str) -> str:
        """ARN of a new Node.js function; `source` sets `exports.handler`."""
        return self._create({"index.js": source}, Runtime="nodejs22.x", Handler="index.handler")

    def invoke(self, function: str, event: Any = None) -> dict[str, Any]:
        """`{"error": FunctionError or None, "payload": ...}` of one call."""
        answer = self.client.invoke(FunctionName=function, Payload=json.dumps(event))
        payload = json.load(answer["Payload"])
        return {"error": answer.get("FunctionError"), "payload": payload}

    def _create(self, files: Mapping[str, str], **settings: Any) -> str:
        name = f"f-{uuid.uuid4().hex[:12]}"
        self.names.append(name)
        created = self.client.create_function(
            FunctionName=name, Role=ROLE, Timeout=30, Code={"ZipFile": archive(files)}, **settings
        )
        return str(created["FunctionArn"])


@pytest.fixture
def functions(cloud: LocalCloud) -> Iterator[Functions]:
    made = Functions(cloud)
    yield made
    for name in made.names:
        made.client.delete_function(FunctionName=name)


Role = Callable[..., str]


@pytest.fixture
def role(cloud: LocalCloud) -> Iterator[Role]:
    """Creates roles from statements; returns their ARNs."""
    iam = cloud.client("iam")
    names: list[str] = []

    def create(*statements: dict[str, Any]) -> str:
        names.append(f"r-{uuid.uuid4().hex[:12]}")
        return create_role(cloud, names[-1], *statements)

    yield create
    for name in names:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


Create = Callable[[dict[str, Any]], str]
Run = Callable[[str, Any], dict[str, Any]]
Execute = Callable[[dict[str, Any], Any], dict[str, Any]]
Start = Callable[[dict[str, Any], Any], str]


@pytest.fixture
def run(cloud: LocalCloud) -> Run:
    """Runs the state machine of an ARN on an input; returns its described execution."""
    client = cloud.client("stepfunctions")

    def run_to_end(machine: str, data: Any) -> dict[str, Any]:
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(data))[
            "executionArn"
        ]

        def ended() -> Any:
            result = client.describe_execution(executionArn=arn)
            return result if result["status"] != "RUNNING" else None

        return dict(wait(ended))

    return run_to_end


@pytest.fixture
def create(cloud: LocalCloud) -> Iterator[Create]:
    """Creates a state machine from its definition; returns its ARN."""
    client = cloud.client("stepfunctions")
    machines: list[str] = []

    def create_machine(definition: dict[str, Any]) -> str:
        machine = client.create_state_machine(
            name=f"m-{uuid.uuid4().hex[:12]}", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        machines.append(machine)
        return str(machine)

    yield create_machine
    for machine in machines:
        client.delete_state_machine(stateMachineArn=machine)


@pytest.fixture
def execute(create: Create, run: Run) -> Execute:
    """Runs a state machine definition on an input; returns its described execution."""
    return lambda definition, data: run(create(definition), data)


@pytest.fixture
def start(cloud: LocalCloud, create: Create) -> Start:
    """Starts a state machine definition on an input; returns the execution's ARN."""
    client = cloud.client("stepfunctions")

    def create_and_start(definition: dict[str, Any], data: Any) -> str:
        machine = create(definition)
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(data))
        return str(execution["executionArn"])

    return create_and_start
