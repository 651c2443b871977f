"""Nobody gets into a running local cloud but who has its credentials, and no web page."""

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.credentials import Credentials
from localcloud.environment import REGION
from localcloud.launcher import LocalCloud, free_port
from tests.browser import browse, needs_browser
from tests.local.localcloud.conftest import archive, function_request
from tests.local.localcloud.roles import create_role, statement

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "application-autoscaling": ("describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
    "cloudformation": ("list_stacks", {}),
    "cloudwatch": ("list_metrics", {}),
    "ecr": ("describe_repositories", {}),
    "events": ("list_rules", {}),
    "iam": ("list_roles", {}),
    "kms": ("list_keys", {}),
    "lambda": ("list_functions", {}),
    "logs": ("describe_log_groups", {}),
    "s3": ("list_buckets", {}),
    "sagemaker": ("list_models", {}),
    "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "none", "Body": b"body"}),
    "sns": ("list_topics", {}),
    "sqs": ("list_queues", {}),
    "ssm": ("describe_parameters", {}),
    "stepfunctions": ("list_state_machines", {}),
    "sts": ("get_caller_identity", {}),
}
"""A call of each service that the application or its tools use."""

UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
WRONG = {"SignatureDoesNotMatch", "InvalidSignatureException"}


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud of these tests' own: at the end of some nothing may be in it."""
    folder = tmp_path_factory.mktemp("gate")
    with LocalCloud(port=free_port(), folder=folder).running() as cloud:
        create_role(cloud, "any", statement("*", "*"))
        yield cloud


def client(cloud: LocalCloud, service: str, key: str, secret: str, **config: Any) -> Any:
    anyones: Any = boto3
    return anyones.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(proxies={}, retries={"total_max_attempts": 1}, **config),
    )


def refusal(service: str, caller: Any) -> str:
    """Return the code with which the call of a service is refused; the message says what to do."""
    operation, arguments = CALLS[service]
    with pytest.raises(ClientError) as refused:
        getattr(caller, operation)(**arguments)
    assert "scones local env --port" in str(refused.value)
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize("service", CALLS)
def test_each_service_takes_the_credentials_of_this_cloud_and_no_others(
    gated: LocalCloud, service: str
) -> None:
    right = gated.credentials
    operation, arguments = CALLS[service]

    assert_strangers_are_refused(gated, service)
    ours = client(gated, service, right.access_key, right.secret_key)
    if service == "sagemaker-runtime":
        with pytest.raises(ClientError, match="Endpoint none"):
            getattr(ours, operation)(**arguments)
    else:
        getattr(ours, operation)(**arguments)


def assert_strangers_are_refused(cloud: LocalCloud, service: str) -> None:
    right = cloud.credentials
    assert refusal(service, client(cloud, service, right.access_key, "wrong")) in WRONG
    for key in ("test", Credentials.new().access_key):
        assert refusal(service, client(cloud, service, key, "test")) in UNKNOWN, key
    assert refusal(service, client(cloud, service, "", "", signature_version=UNSIGNED))


def status(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> int:
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request) as response:
            assert not [name for name in response.headers if name.lower().startswith("access-")]
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("version", [None, "s3v4"], ids=["by default", "version 4"])
def test_links_of_s3_work_for_tools_and_for_no_page(gated: LocalCloud, version: str | None) -> None:
    key, secret = gated.credentials.access_key, gated.credentials.secret_key
    s3 = client(gated, "s3", key, secret, signature_version=version)
    bucket = f"links-{version}".lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b+c/ü.txt", Body=b"content")
    link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b+c/ü.txt"})

    assert status(link) == 200
    assert status(link, {"Sec-Fetch-Site": "none"}) == 200  # pasted by the user
    assert status(link.replace("c/", "d/")) == 403
    for page in (
        *({"Origin": site} for site in ("https://elsewhere.example", gated.endpoint_url)),
        *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-origin")),
        {"Host": f"rebound.example:{gated.port}"},
    ):
        assert status(link, page) == 403, page
        assert status(link, page, "OPTIONS") == 403, page


def test_uploads_of_every_kind_arrive(gated: LocalCloud, tmp_path: Path) -> None:
    s3, content = gated.client("s3"), os.urandom(9 << 20)
    s3.create_bucket(Bucket="uploads")
    (tmp_path / "large").write_bytes(content)
    s3.upload_file(str(tmp_path / "large"), "uploads", "parts")
    key, secret = gated.credentials.access_key, gated.credentials.secret_key
    unsigned = client(gated, "s3", key, secret, s3={"payload_signing_enabled": False})
    unsigned.put_object(Bucket="uploads", Key="unsigned", Body=content)
    link = s3.generate_presigned_url("put_object", {"Bucket": "uploads", "Key": "link"})
    request = urllib.request.Request(link, content, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request).close()

    for name in ("parts", "unsigned", "link"):
        assert s3.get_object(Bucket="uploads", Key=name)["Body"].read() == content, name


WHO_AM_I = """
import boto3, os
def handler(event, context):
    me = boto3.client("sts").get_caller_identity()["Arn"]
    return {"me": me, "environment": dict(os.environ)}
"""


def test_functions_have_the_credentials_of_their_role_and_no_others(gated: LocalCloud) -> None:
    functions = gated.client("lambda")
    functions.create_function(**function_request("who", WHO_AM_I))

    answer = json.load(functions.invoke(FunctionName="who")["Payload"])

    assert answer["me"] == "arn:aws:sts::000000000000:assumed-role/any/who"
    assert gated.credentials.secret_key not in str(answer["environment"])
    link = functions.get_function(FunctionName="who")["Code"]["Location"]
    assert status(link) == 200
    assert status(link.partition("?")[0]) == 403
    functions.delete_function(FunctionName="who")


BOOTSTRAP = """#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as event:
        call = event.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(api + call + "/response", json.dumps(api).encode()).close()
"""


def test_the_runtime_api_of_functions_refuses_pages(gated: LocalCloud) -> None:
    functions = gated.client("lambda")
    code = {"ZipFile": archive({"bootstrap": BOOTSTRAP})}
    request = function_request("custom", "", Runtime="provided.al2023", Code=code)
    functions.create_function(**request)

    api = json.load(functions.invoke(FunctionName="custom")["Payload"])

    assert status(api + "next", {"Origin": "null"}) == 403
    assert status(api + "next", {"Host": "rebound.example"}) == 403
    assert status(api + "none/response", {"Sec-Fetch-Site": "cross-site"}, "POST") == 403
    functions.delete_function(FunctionName="custom")


def test_each_start_with_or_without_iam_has_credentials_that_no_list_of_processes_shows(
    tmp_path: Path,
) -> None:
    seen = []
    for iam in (True, False):
        cloud = LocalCloud(port=free_port(), folder=tmp_path, iam=iam)
        with cloud.running():
            for service in ("s3", "sagemaker"):
                assert_strangers_are_refused(cloud, service)
            seen.append(cloud.credentials)
            assert cloud.credentials_file.stat().st_mode & 0o777 == 0o600
            pid = cloud.pid()
            for file in ("cmdline", "environ") if Path("/proc/self").exists() else ():
                shown = Path(f"/proc/{pid}/{file}").read_bytes()
                assert cloud.credentials.secret_key.encode() not in shown
        assert not cloud.credentials_file.exists()
    assert seen[0] != seen[1]


# --- A page in a browser ----------------------------------------------------------------------

PAGE = """<!doctype html><form id=form method=post enctype=text/plain target=frame></form>
<form id=file method=post enctype="multipart/form-data" target=other></form>
<iframe name=frame></iframe><iframe name=other></iframe><script>
const cloud = CLOUD, body = BODY, asRoot = service =>
  "X-Amz-Credential=test/20260101/us-east-1/" + service + "/aws4_request";
const results = {};
async function attempt(name, start) {
  try { results[name] = String(await start()); } catch (error) { results[name] = String(error); }
}
const settled = (target, start) => new Promise(resolve => {
  for (const event of ["load", "error", "open", "close"]) target.addEventListener(event,
    () => resolve(event));
  start(target);
});
const post = (path, body, type) => fetch(cloud + path,
  {method: "POST", mode: "no-cors", body, headers: type ? {"Content-Type": type} : {}})
  .then(response => response.type);
(async () => {
  await attempt("create function", () => post("/2015-03-31/functions?" + asRoot("lambda"), body));
  await attempt("invoke", () => post("/2015-03-31/functions/page/invocations?" + asRoot("lambda"),
    "{}"));
  await attempt("create topic", () => post("/?" + asRoot("sns"), "Action=CreateTopic&Name=page",
    "application/x-www-form-urlencoded"));
  await attempt("create queue", () => settled(new Image(), image => image.src =
    cloud + "/?Action=CreateQueue&QueueName=page&" + asRoot("sqs")));
  await attempt("put object", () => fetch(cloud + "/pages/put", {method: "PUT", body: "page"})
    .then(response => response.status));
  await attempt("read", () => fetch(cloud + "/pages/secret").then(response => response.text()));
  await attempt("beacon", () => navigator.sendBeacon(cloud + "/_ministack/reset"));
  await attempt("form", () => settled(document.querySelector("[name=frame]"), () => {
    form.action = cloud + "/?Action=CreateTopic&Name=form&" + asRoot("sns"); form.submit();
  }));
  await attempt("form with a file", () => settled(document.querySelector("[name=other]"), () => {
    file.action = cloud + "/pages"; file.innerHTML = "<input name=key value=form>" +
      "<input name=file value=page>"; file.submit();
  }));
  await attempt("websocket", () => settled(
    new WebSocket(cloud.replace("http", "ws") + "/_aws/execute-api/page/stage"), () => {}));
  await fetch("/done", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


@needs_browser
def test_a_page_in_a_browser_can_do_nothing(gated: LocalCloud, tmp_path: Path) -> None:
    s3 = gated.client("s3")
    s3.create_bucket(Bucket="pages")
    s3.put_object(Bucket="pages", Key="secret", Body=b"the secret")
    mark = tmp_path / "code-ran"
    request = function_request("page", f"open({str(mark)!r}, 'w')\ndef handler(*_): pass\n")
    code = {"ZipFile": base64.b64encode(request["Code"]["ZipFile"]).decode()}
    page = PAGE.replace("CLOUD", json.dumps(gated.endpoint_url)).replace(
        "BODY", json.dumps(json.dumps(request | {"Code": code}))
    )

    results, _ = browse({"/": page}, tmp_path / "profile")

    attempts = {
        "create function": "opaque",  # what a page sees of any answer
        "invoke": "opaque",
        "create topic": "opaque",
        "create queue": "error",
        "put object": "TypeError: Failed to fetch",
        "read": "TypeError: Failed to fetch",
        "beacon": "true",
        "form": "load",
        "form with a file": "load",
        "websocket": "error",
    }
    assert results == attempts
    assert gated.client("lambda").list_functions()["Functions"] == []
    assert not mark.exists()
    assert gated.client("sns").list_topics()["Topics"] == []
    assert gated.client("sqs").list_queues().get("QueueUrls", []) == []
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="pages")["Contents"]]
    assert keys == ["secret"]
