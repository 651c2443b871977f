"""Requests over HTTP that ministack does not judge as AWS does, and the wording of a denial."""

import contextvars
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import unquote

from localcloud.emulator.enforcement.judge import ENFORCE, denial
from localcloud.emulator.names import private, replace

ACTIONS = "ministack.core.iam_actions"
EVALUATOR = "ministack.core.iam_evaluator"

SERVICES: Final = ("sagemaker", "application-autoscaling")
"""Services of ours; each signs and is granted by the same name."""

INVOCATION: Final = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations")

SAGEMAKER_RESOURCES: Final = {
    "TrainingJobName": "training-job",
    "TransformJobName": "transform-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
"""Member of a request -> kind of the resource that it is judged on; the first one that is there.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html"""


def extend() -> None:
    """Let ministack judge these requests, and word denials as AWS does."""
    _count_loopback_as_tls()
    _know_actions()
    _know_resources()
    _know_namespace_of_metrics()
    _word_denials()


def _count_loopback_as_tls() -> None:
    """Nothing leaves the machine, so that `aws:SecureTransport` is true here."""
    pin: Callable[[str, bool], None] = private("ministack.app:pin_request_origin")
    origin = contextvars.ContextVar("request_origin", default=("127.0.0.1", True))
    replace(f"{EVALUATOR}:_request_origin", origin)

    @wraps(pin)
    def pin_as_tls(source_ip: str, _secure: bool) -> None:
        pin(source_ip, True)

    replace("ministack.app:pin_request_origin", pin_as_tls)


def _know_actions() -> None:
    namespaces: dict[str, str] = private(f"{ACTIONS}:SERVICE_TO_IAM_NAMESPACE")
    namespaces.update({service: service for service in SERVICES})
    path = f"{ACTIONS}:extract_iam_action"
    extract: Callable[..., str | None] = private(path)

    @wraps(extract)
    def extract_known(service: str, method: str, url: str, *rest: Any) -> str | None:
        if service == "sagemaker" and INVOCATION.fullmatch(url):
            return "sagemaker:InvokeEndpoint"
        return extract(service, method, url, *rest)

    replace(path, extract_known)


def _know_resources() -> None:
    path = f"{ACTIONS}:extract_resource_arn"
    extract: Callable[..., str] = private(path)

    @wraps(extract)
    def extract_known(
        service: str,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        query: Any,
        region: str,
        account: str,
    ) -> str:
        if service == "sagemaker":
            return sagemaker_resource(url, document(body), f"arn:aws:sagemaker:{region}:{account}")
        if service == "states" and "mapRunArn" in (request := document(body)):
            return str(request["mapRunArn"])
        return extract(service, method, url, headers, body, query, region, account)

    replace(path, extract_known)


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
    path = f"{ACTIONS}:request_tag_context"
    context_of: Callable[..., dict[str, Any]] = private(path)

    @wraps(context_of)
    def with_namespace(service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
        context = context_of(service, action, body, query)
        if action != "cloudwatch:PutMetricData":
            return context
        namespace = document(body).get("Namespace") or query.get("Namespace")
        namespace = namespace[0] if isinstance(namespace, list) else namespace
        return {**context, "cloudwatch:namespace": namespace}

    replace(path, with_namespace)


def _word_denials() -> None:
    """Name the resource of each denial; ministack does so for a few services only."""
    denied: contextvars.ContextVar[tuple[str, Any] | None]
    denied = contextvars.ContextVar("denied", default=None)
    enforce: Callable[..., Any] = private(ENFORCE)
    respond_path = f"{ACTIONS}:access_denied_response"
    respond: Callable[..., Any] = private(respond_path)

    @wraps(enforce)
    def enforce_and_keep(*arguments: Any, resource_arn: str = "*", **options: Any) -> Any:
        result = enforce(*arguments, resource_arn=resource_arn, **options)
        if result is not None:
            denied.set((resource_arn, result))
        return result

    @wraps(respond)
    def respond_with_resource(
        service: str, action: str, principal: str, request_id: str, **options: Any
    ) -> Any:
        judged = denied.get()
        if judged and not options.get("error_code") and not options.get("message"):
            resource, result = judged
            options |= {"message": denial(action, resource, result), "resource_arn": resource}
        return respond(service, action, principal, request_id, **options)

    replace(ENFORCE, enforce_and_keep)
    replace(respond_path, respond_with_resource)
