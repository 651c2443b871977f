"""Judges requests over HTTP that ministack does not understand, and words denials as AWS does."""

import contextvars
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from localcloud.emulator.enforcement.judge import ENFORCE, denial
from localcloud.emulator.names import Function, around, private, replace

ACTIONS = "ministack.core.iam_actions"
EVALUATOR = "ministack.core.iam_evaluator"

SERVICES: Final = ("sagemaker", "application-autoscaling")
"""Services of ours, whose signing names are those of their actions."""

INVOCATION: Final = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations")

SAGEMAKER_RESOURCES: Final = {
    "TrainingJobName": "training-job",
    "TransformJobName": "transform-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
"""Member of a request -> kind of the resource that it is judged on; the first one present.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html"""


def extend() -> None:
    """Let ministack judge these requests, and word denials as AWS does."""
    _count_loopback_as_tls()
    _know_actions()
    _know_resources()
    _know_namespace_of_metrics()
    _match_every_character()
    _word_denials()


def _count_loopback_as_tls() -> None:
    """Let `aws:SecureTransport` be true: nothing leaves the machine."""
    origin = contextvars.ContextVar("request_origin", default=("127.0.0.1", True))
    replace(f"{EVALUATOR}:_request_origin", origin)

    @around("ministack.app:pin_request_origin")
    def pin_as_tls(pin: Function, source_ip: str, _secure: bool) -> None:
        pin(source_ip, True)


def _know_actions() -> None:
    namespaces: dict[str, str] = private(f"{ACTIONS}:SERVICE_TO_IAM_NAMESPACE")
    namespaces.update({service: service for service in SERVICES})

    @around(f"{ACTIONS}:extract_iam_action")
    def extract_known(extract: Function, service: str, method: str, url: str, *rest: Any) -> Any:
        if service == "sagemaker" and INVOCATION.fullmatch(url):
            return "sagemaker:InvokeEndpoint"
        return extract(service, method, url, *rest)


def _know_resources() -> None:
    @around(f"{ACTIONS}:extract_resource_arn")
    def extract_known(extract: Function, service: str, *request: Any) -> str:
        _method, url, _headers, body, _query, region, account = request
        if service == "sagemaker":
            return sagemaker_resource(url, document(body), f"arn:aws:sagemaker:{region}:{account}")
        if service == "states" and "mapRunArn" in (members := document(body)):
            return str(members["mapRunArn"])
        return str(extract(service, *request))


def sagemaker_resource(url: str, request: dict[str, Any], prefix: str) -> str:
    """Return the ARN that a request to SageMaker is judged on, `*` if it names no resource."""
    if invocation := INVOCATION.fullmatch(url):
        return f"{prefix}:endpoint/{unquote(invocation['endpoint'])}"
    if "ResourceArn" in request:
        return str(request["ResourceArn"])
    for member, kind in SAGEMAKER_RESOURCES.items():
        if member in request:
            return f"{prefix}:{kind}/{request[member]}"
    return "*"


def document(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request holds, an empty one if it holds none."""
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _know_namespace_of_metrics() -> None:
    @around(f"{ACTIONS}:request_tag_context")
    def with_namespace(
        context_of: Function, service: str, action: str, body: bytes, query: Any
    ) -> dict[str, Any]:
        context: dict[str, Any] = context_of(service, action, body, query)
        if action != "cloudwatch:PutMetricData":
            return context
        namespace = document(body).get("Namespace") or query.get("Namespace")
        namespace = namespace[0] if isinstance(namespace, list) else namespace
        return {**context, "cloudwatch:namespace": namespace}


def _match_every_character() -> None:
    """Let `*` and `?` of a policy match line ends; ministack denies keys that have one."""
    path = f"{EVALUATOR}:_fnmatch_compile"
    compile_pattern: Callable[[str, bool], re.Pattern[str]] = private(path)

    @cache
    def compile_for_all_characters(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compile_pattern(pattern, ignore_case)
        return re.compile(found.pattern.removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    replace(path, compile_for_all_characters)


def _word_denials() -> None:
    """Name the resource of each denial; ministack does so for a few services only."""
    denied: contextvars.ContextVar[tuple[str, Any] | None]
    denied = contextvars.ContextVar("denied", default=None)

    @around(ENFORCE)
    def enforce_and_keep(
        enforce: Function, *arguments: Any, resource_arn: str = "*", **options: Any
    ) -> Any:
        result = enforce(*arguments, resource_arn=resource_arn, **options)
        if result is not None:
            denied.set((resource_arn, result))
        return result

    @around(f"{ACTIONS}:access_denied_response")
    def respond_with_resource(respond: Function, *arguments: Any, **options: Any) -> Any:
        judged = denied.get()
        if judged and not options.get("error_code") and not options.get("message"):
            _service, action, *_ = arguments
            resource, result = judged
            options |= {"message": denial(action, resource, result), "resource_arn": resource}
        return respond(*arguments, **options)
