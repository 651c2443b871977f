"""What plug-ins add is found by ministack's own routing and its own CloudFormation engine."""

import asyncio
from typing import Any

import pytest

from localcloud import emulator
from localcloud.emulator.names import private

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/comprehend/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
PROVISIONERS = "ministack.services.cloudformation.provisioners"


def _send(method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    dispatch = private("ministack.app:_dispatch_service_request")
    request = {"host": "127.0.0.1:4566", "authorization": SIGNED, **headers}
    answer: tuple[int, dict[str, str], bytes] = asyncio.run(
        dispatch(method, path, request, b"body", {}, "request-1")
    )
    return answer


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"x-amz-target": "Comprehend_20171127.ListEndpoints"}),
        ("/endpoints/name/invocations", {}),
    ],
    ids=["control plane", "runtime"],
)
def test_a_service_gets_every_request_that_is_signed_for_it(
    path: str, headers: dict[str, str]
) -> None:
    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        return 200, {"Content-Type": "application/json"}, f"{method} {path} {body!r}".encode()

    emulator.add_service("comprehend", handle)

    status, answered, body = _send("POST", path, **headers)
    assert status == 200
    assert body == f"POST {path} b'body'".encode()
    # ministack would make it application/x-amz-json-1.1 for every JSON answer of a service.
    assert answered["content-type"] == "application/json"
    assert "Content-Type" not in answered


def test_cloudformation_calls_the_functions_of_a_resource_type() -> None:
    calls: list[tuple[Any, ...]] = []

    def create(*arguments: Any) -> tuple[str, dict[str, Any]]:
        calls.append(("create", *arguments))
        return "robot-1", {"Arn": "arn-1"}

    def update(*arguments: Any) -> tuple[str, dict[str, Any]]:
        calls.append(("update", *arguments))
        return "robot-2", {"Arn": "arn-2"}

    def delete(*arguments: Any) -> None:
        calls.append(("delete", *arguments))

    kind = "AWS::RoboMaker::Robot"
    emulator.add_resource_types({kind: emulator.ResourceType(create, update, delete)})
    old, new = {"Speed": 1}, {"Speed": 2}

    created = private(f"{PROVISIONERS}:_provision_resource")(kind, "Robot", old, "Stack")
    updated = private(f"{PROVISIONERS}:_update_resource")(
        kind, "robot-1", old, new, "Stack", "Robot"
    )
    private(f"{PROVISIONERS}:_delete_resource")(kind, "robot-1", old, "Stack", "Robot")

    assert created == ("robot-1", {"Arn": "arn-1"})
    assert updated == ("robot-2", {"Arn": "arn-2"})
    assert calls == [
        ("create", "Robot", old, "Stack"),
        ("update", "robot-1", old, new, "Stack", "Robot"),
        ("delete", "robot-1", old),
    ]


def test_resource_types_run_on_a_thread_of_their_own_and_others_as_before() -> None:
    emulator.add_resource_types(
        {"AWS::RoboMaker::Fleet": emulator.ResourceType(_never, _never, lambda *_: None)}
    )

    threaded = private("ministack.services.cloudformation.stacks:_runs_on_worker_thread")
    assert threaded("AWS::RoboMaker::Fleet")
    assert threaded("Custom::Anything")
    assert not threaded("AWS::SNS::Topic")


def _never(*_: Any) -> tuple[str, dict[str, Any]]:
    raise AssertionError("not called in this test")


def test_outside_a_request_account_and_region_are_the_defaults() -> None:
    assert emulator.current_account() == "000000000000"
    assert emulator.current_region() == "us-east-1"


def test_step_functions_runs_a_task_and_takes_its_error() -> None:
    resource = "arn:aws:states:::robots:build"

    def build(whole_resource: str, arguments: Any) -> Any:
        if "name" not in arguments:
            raise emulator.TaskError("Robots.NameMissing", "a robot needs a name")
        return {"resource": whole_resource, **arguments}

    emulator.add_task(resource, build)

    invoke = private("ministack.services.stepfunctions:_invoke_resource")
    waiting = f"{resource}.sync"
    assert invoke(waiting, {"name": "one"}) == {"resource": waiting, "name": "one"}
    with pytest.raises(private("ministack.services.stepfunctions:_ExecutionError")) as failed:
        invoke(resource, {})
    assert (failed.value.error, failed.value.cause) == (
        "Robots.NameMissing",
        "a robot needs a name",
    )
