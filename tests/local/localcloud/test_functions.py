"""Lambda functions and their workers; most tests fail with ministack alone."""

import base64
import json
import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcloud.emulator.functions.pool import IDLE_SECONDS
from localcloud.emulator.functions.processes import SHARED
from localcloud.environment import PROJECT
from localcloud.launcher import LocalCloud
from tests.local.localcloud.conftest import archive
from tests.local.localcloud.repairs.stacks import Stack, Template, resource, template
from tests.local.localcloud.roles import ROLE
from tests.local.processes import running, within
from tests.local.waiting import wait


@pytest.mark.parametrize("language", ["python", "node"])
def test_an_error_has_its_name_and_the_function_goes_on(functions: Any, language: str) -> None:
    sources = {
        "python": """
class NotSureEnough(Exception):
    pass

def handler(event, context):
    if event:
        raise NotSureEnough("0.4 is below 0.93")
""",
        "node": """
class NotSureEnough extends Error { name = "NotSureEnough" }
exports.handler = async (event) => { if (event) throw new NotSureEnough("0.4 is below 0.93") }
""",
    }
    function = getattr(functions, language)(sources[language])

    answer = functions.invoke(function, "fail")

    assert answer["error"] == "Unhandled"
    assert answer["payload"]["errorType"] == "NotSureEnough"
    assert answer["payload"]["errorMessage"] == "0.4 is below 0.93"
    if language == "python":
        (frame,) = answer["payload"]["stackTrace"]
        assert 'raise NotSureEnough("0.4 is below 0.93")' in frame
    assert functions.invoke(function)["error"] is None


def test_a_process_that_dies_is_reported_and_replaced(functions: Any) -> None:
    source = """
import os
def handler(event, context):
    if event == "die":
        os._exit(1)
    return "alive"
"""
    function = functions.python(source)

    died = functions.invoke(function, "die")

    assert died["error"] == "Unhandled"
    assert died["payload"]["errorType"] == "Runtime.ExitError"
    assert "Runtime exited" in died["payload"]["errorMessage"]
    assert functions.invoke(function)["payload"] == "alive"


def test_a_process_that_dies_while_it_starts_fails_its_own_call_only(
    functions: Any, tmp_path: Path
) -> None:
    source = f"""
import os, time
from pathlib import Path
in_call, release = Path("{tmp_path}/in-call"), Path("{tmp_path}/release")
if in_call.exists():
    os._exit(1)
def handler(event, context):
    in_call.touch()
    while not release.exists():
        time.sleep(0.02)
    return "alive"
"""
    function = functions.python(source)

    with ThreadPoolExecutor(1) as caller:
        other = caller.submit(functions.invoke, function)
        wait((tmp_path / "in-call").exists)
        died = functions.invoke(function)
        (tmp_path / "release").touch()

    assert died["error"] == "Unhandled"
    assert died["payload"]["errorType"] == "Runtime.ExitError"
    assert other.result()["payload"] == "alive"
    assert functions.invoke(function)["payload"] == "alive"


def test_a_process_that_dies_while_it_starts_is_started_again_within_the_call(
    functions: Any, tmp_path: Path
) -> None:
    source = f"""
import os
from pathlib import Path
started = Path("{tmp_path}/started")
if not started.exists():
    started.touch()
    os._exit(1)
def handler(event, context):
    return "alive"
"""

    answer = functions.invoke(functions.python(source))

    assert (answer["error"], answer["payload"]) == (None, "alive")


def test_functions_outlive_the_process_that_forks_their_workers(functions: Any) -> None:
    source = """
import os, signal, time
def handler(event, context):
    if event == "kill":
        os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.3)
    return os.getpid()
"""
    function = functions.python(source)
    functions.invoke(function, "kill")

    with ThreadPoolExecutor(2) as callers:
        answers = list(callers.map(lambda _: functions.invoke(function), range(2)))

    assert len({answer["payload"] for answer in answers if answer["error"] is None}) == 2


def test_a_call_whose_fork_is_not_made_is_tried_again(functions: Any, tmp_path: Path) -> None:
    source = f"""
import os, signal, time
from pathlib import Path
waiting = Path("{tmp_path}/waiting")
def handler(event, context):
    if event == "kill":
        os.kill(os.getppid(), signal.SIGSTOP)
        waiting.touch()
        time.sleep(0.5)
        os.kill(os.getppid(), signal.SIGKILL)
    return event
"""
    function = functions.python(source)

    with ThreadPoolExecutor(1) as caller:
        kills = caller.submit(functions.invoke, function, "kill")
        wait((tmp_path / "waiting").exists)
        answer = functions.invoke(function, "other")

    assert (answer["error"], answer["payload"]) == (None, "other")
    assert kills.result()["payload"] == "kill"


def test_a_killed_worker_is_replaced_whatever_it_has_started(functions: Any) -> None:
    source = """
import os, multiprocessing, subprocess, time
def handler(event, context):
    if event == "start":
        multiprocessing.Process(target=time.sleep, args=(20,)).start()
        os.system("sleep 20 > /dev/null 2>&1 < /dev/null &")
    return os.getpid()
"""
    function = functions.python(source)

    started = functions.invoke(function, "start")["payload"]
    os.kill(started, signal.SIGKILL)
    assert within(10, lambda: not running([started]))

    answer = functions.invoke(function)
    assert answer["error"] is None, answer
    assert answer["payload"] != started


def test_the_log_of_a_call_is_its_own_and_complete(functions: Any) -> None:
    source = """
import sys, time
def handler(event, context):
    print(event, "begins")
    sys.stdout.flush()
    time.sleep(0.02)
    print(event, "ends", end="")
"""
    function = functions.python(source)

    def log(event: str) -> list[str]:
        answer = functions.client.invoke(
            FunctionName=function, Payload=json.dumps(event), LogType="Tail"
        )
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        return [line for line in lines if not line.startswith(("START", "END", "REPORT"))]

    assert log("first") == ["first begins", "first ends"]
    assert log("second") == ["second begins", "second ends"]


@pytest.mark.parametrize(
    ("imports", "result", "modules", "variables", "expected"),
    [
        pytest.param(
            "import base64",
            '{"body": {"image_data": base64.b64encode(b"picture")}}',
            {},
            {},
            {"body": {"image_data": "cGljdHVyZQ=="}},
            id="bytes become text",
        ),
        pytest.param(
            "import boto3",
            "boto3.brought",
            {"boto3/__init__.py": "brought = True\n"},
            {},
            True,
            id="brings its own boto3",
        ),
        pytest.param(
            "import queue",
            "queue.own",
            {"queue.py": "own = True\n"},
            {},
            True,
            id="brings a module that botocore cannot use",
        ),
        pytest.param(
            "import sys, time, helper",
            "(time.tzname[0], time.localtime(0).tm_hour, helper.value, sys.argv[1:])",
            {"parts/helper.py": "value = 7\n"},
            {"TZ": "Asia/Tokyo", "PYTHONPATH": "parts"},
            ["JST", 9, 7, []],
            id="variables that Python reads when it starts",
        ),
    ],
)
def test_what_a_function_returns(
    functions: Any,
    imports: str,
    result: str,
    modules: dict[str, str],
    variables: dict[str, str],
    expected: Any,
) -> None:
    function = functions.python(
        f"{imports}\ndef handler(event, context): return {result}\n",
        modules,
        Environment={"Variables": variables},
    )

    assert functions.invoke(function)["payload"] == expected


def test_a_result_that_is_not_json_is_a_marshal_error(functions: Any) -> None:
    function = functions.python("def handler(event, context): return object()\n")

    payload = functions.invoke(function)["payload"]

    assert payload["errorType"] == "Runtime.MarshalError"
    assert "Unable to marshal response" in payload["errorMessage"]


def test_a_worker_holds_no_modules_but_its_own_and_those_of_boto3(functions: Any) -> None:
    other = functions.python("import wave\ndef handler(event, context): return 1\n")
    assert functions.invoke(other)["payload"] == 1
    source = """
import sys
def handler(event, context):
    imported = {name.partition(".")[0] for name in sys.modules}
    return sorted(imported - sys.stdlib_module_names), "wave" in imported, sys.path
"""

    imported, leaked, path = functions.invoke(functions.python(source))["payload"]

    assert {name for name in imported if not name.startswith("_")} - SHARED == {"app"}
    assert not leaked
    assert str(PROJECT) not in path


def test_packages_that_are_installed_here_win_over_those_of_a_layer(functions: Any) -> None:
    made_for_lambda = "raise ImportError('wrong ELF class')"
    layer = functions.client.publish_layer_version(
        LayerName=f"l-{uuid.uuid4().hex[:12]}",
        Content={
            "ZipFile": archive(
                {"python/PIL/__init__.py": made_for_lambda, "python/brought.py": "value = 1\n"}
            )
        },
    )
    source = """
import brought
from PIL import Image
def handler(event, context):
    return brought.value, Image.new("L", (2, 3)).size
"""

    function = functions.python(source, Layers=[layer["LayerVersionArn"]])

    assert functions.invoke(function)["payload"] == [1, [2, 3]]


# --- /tmp and workers ---------------------------------------------------------------------------


def test_workers_do_not_share_their_tmp(cloud: LocalCloud, functions: Any) -> None:
    bucket = f"pictures-{uuid.uuid4().hex[:12]}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    for number in range(24):
        s3.put_object(Bucket=bucket, Key=str(number), Body=str(number).encode())
    source = f"""
import boto3, time
s3 = boto3.client("s3")
def handler(event, context):
    s3.download_file("{bucket}", str(event), "/tmp/picture.png")
    time.sleep(0.05)
    with open("/tmp/picture.png") as picture:
        return int(picture.read())
"""
    function = functions.python(source)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda number: functions.invoke(function, number), range(24)))

    assert [answer["payload"] for answer in answers] == list(range(24))
    assert not Path("/tmp/picture.png").exists()


REPORTS_PROCESS = """
import os, time
def handler(event, context):
    time.sleep(0.05)
    return os.getpid()
"""


def test_a_function_has_at_most_eight_workers_and_serves_every_call(functions: Any) -> None:
    function = functions.python(REPORTS_PROCESS)

    with ThreadPoolExecutor(40) as callers:
        answers = list(callers.map(lambda _: functions.invoke(function), range(120)))

    assert [answer["error"] for answer in answers] == [None] * 120
    assert 1 < len({answer["payload"] for answer in answers}) <= 8


def test_a_function_that_calls_itself_does_not_wait_for_itself(functions: Any) -> None:
    source = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    if event == 0:
        return 0
    answer = client.invoke(FunctionName=context.function_name, Payload=json.dumps(event - 1))
    return 1 + json.load(answer["Payload"])
"""
    function = functions.python(source)

    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: functions.invoke(function, 1), range(12)))

    assert [answer["payload"] for answer in answers] == [1] * 12


def test_other_requests_are_served_while_calls_wait(cloud: LocalCloud, functions: Any) -> None:
    function = functions.python("import time\ndef handler(event, context): time.sleep(1)\n")
    sns = cloud.client("sns")
    with ThreadPoolExecutor(16) as callers:
        # Eight at a time, one second each: the last eight wait for the first.
        calls = [callers.submit(functions.invoke, function) for _ in range(16)]
        sns.list_topics()
        assert not any(call.done() for call in calls), "the other request waited for a call"


def test_an_idle_worker_ends(functions: Any) -> None:
    function = functions.python(REPORTS_PROCESS)

    process = functions.invoke(function)["payload"]

    assert within(IDLE_SECONDS + 10, lambda: not running([process]))
    assert functions.invoke(function)["error"] is None


def test_a_worker_that_was_starting_during_an_update_ends_after_its_call(
    functions: Any, tmp_path: Path
) -> None:
    source = f"""
import os, time
from pathlib import Path
Path("{tmp_path}/starting").write_text(str(os.getpid()))
time.sleep(1)
def handler(event, context):
    return os.getpid()
"""
    function = functions.python(source)

    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(functions.invoke, function)
        wait((tmp_path / "starting").exists)
        code = archive({"app.py": REPORTS_PROCESS})
        functions.client.update_function_code(FunctionName=function, ZipFile=code)
        call.result()

    started = int((tmp_path / "starting").read_text())
    assert within(5, lambda: not running([started]))


def test_calls_end_with_the_code_they_began_with(functions: Any, tmp_path: Path) -> None:
    source = f"""
import time
from pathlib import Path
def handler(event, context):
    Path("{tmp_path}/running").touch()
    time.sleep(1)
    import helper
    return helper.value
"""
    function = functions.python(source, {"helper.py": "value = 'old'\n"})

    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(functions.invoke, function)
        wait((tmp_path / "running").exists)
        code = archive({"app.py": "def handler(event, context): return 'new'"})
        functions.client.update_function_code(FunctionName=function, ZipFile=code)
        new = functions.invoke(function)

    assert (call.result()["error"], call.result()["payload"]) == (None, "old")
    assert new["payload"] == "new"


def test_a_function_of_a_deleted_stack_leaves_no_worker(cloud: LocalCloud, functions: Any) -> None:
    function = resource(
        "AWS::Lambda::Function",
        Role=ROLE,
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": REPORTS_PROCESS},
    )
    stack = Stack.new(cloud, template(Function=function)).wait()
    (name,) = stack.cloudformation.list_stack_resources(StackName=stack.name)[
        "StackResourceSummaries"
    ]
    process = functions.invoke(name["PhysicalResourceId"])["payload"]

    stack.delete()

    assert not running([process])


def test_a_call_that_outlives_its_function_makes_no_log_group(
    cloud: LocalCloud, functions: Any
) -> None:
    source = """
import boto3
def handler(event, context):
    print("gone")
    boto3.client("lambda").delete_function(FunctionName=context.function_name)
"""
    functions.invoke(functions.python(source))

    name = functions.names.pop()
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    assert found["logGroups"] == []


def test_a_replaced_layer_version_stays_until_its_function_has_the_new_one(
    cloud: LocalCloud, functions: Any, tmp_path: Path
) -> None:
    source = f"""
import time
from pathlib import Path
import brought
def handler(event, context):
    Path("{tmp_path}/running").touch()
    time.sleep(event)
    return brought.version
"""
    s3, bucket = cloud.client("s3"), f"layers-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)

    def with_layer(version: str) -> Template:
        key = f"{version}.zip"
        s3.put_object(
            Bucket=bucket, Key=key, Body=archive({"python/brought.py": f"version = {version!r}"})
        )
        return template(
            Layer=resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": bucket, "S3Key": key}),
            Function=resource(
                "AWS::Lambda::Function",
                Role=ROLE,
                Runtime="python3.13",
                Handler="index.handler",
                Code={"ZipFile": source},
                Layers=[{"Ref": "Layer"}],
            ),
        )

    stack = Stack.new(cloud, with_layer("old")).wait()
    physical = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in stack.cloudformation.list_stack_resources(StackName=stack.name)[
            "StackResourceSummaries"
        ]
    }
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(functions.invoke, physical["Function"], 1)
        wait((tmp_path / "running").exists)
        stack.update(with_layer("new"))
        assert call.result()["payload"] == "old"
    assert functions.invoke(physical["Function"], 0)["payload"] == "new"
    name = physical["Layer"].split(":")[-2]
    versions = functions.client.list_layer_versions(LayerName=name)["LayerVersions"]
    assert physical["Layer"] not in {each["LayerVersionArn"] for each in versions}
    stack.delete()
    assert functions.client.list_layer_versions(LayerName=name)["LayerVersions"] == []
