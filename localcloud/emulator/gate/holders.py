"""Find the holders of credentials: the administrator, users, roles, and links they signed.

ministack takes `test`, every 12-digit key and no key at all for the administrator. Inside the
emulator that remains so; at the gate none of them is known.
"""

from dataclasses import replace as with_changes
from typing import Any, Final

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from localcloud.credentials import Credentials
from localcloud.emulator.enforcement.judge import session_of
from localcloud.emulator.names import Function, around, private, replace
from localcloud.environment import REGION

EVALUATOR: Final = "ministack.core.iam_evaluator"
IS_ROOT: Final = (f"{EVALUATOR}:is_root_access_key", "ministack.services.sts:is_root_access_key")
RESOLVE: Final = (
    f"{EVALUATOR}:resolve_credential",
    "ministack.services.s3:resolve_credential",
    "ministack.services.sts:resolve_credential",
)
UNKNOWN_KEY: Final = f"{EVALUATOR}:_unknown_access_key"
EXECUTION: Final = (
    "ministack.core.lambda_runtime:execution_credentials",
    "ministack.services.lambda_svc:execution_credentials",
)
LINKS: Final = (
    "ministack.services.lambda_svc:_presigned_code_url",
    "ministack.services.lambda_svc:_layer_content_url",
)
LINK_SECONDS: Final = 600  # as on AWS


def know(administrator: Credentials) -> None:
    """Let ministack know the administrator's credentials, and give functions those of roles."""
    _know_the_administrator(administrator)
    for name in EXECUTION:
        replace(name, execution_credentials)
    _sign_links(administrator)


def _know_the_administrator(administrator: Credentials) -> None:
    is_root: Function = private(IS_ROOT[0])
    unknown: Function = private(UNKNOWN_KEY)

    @around(*IS_ROOT)
    def is_root_here(is_root: Function, access_key: str) -> bool:
        return access_key == administrator.access_key or bool(is_root(access_key))

    @around(*RESOLVE)
    def resolve_here(resolve: Function, access_key: str, *arguments: Any, **options: Any) -> Any:
        if is_root(access_key):
            return unknown()
        found = resolve(access_key, *arguments, **options)
        if access_key == administrator.access_key and hasattr(found, "secret_access_key"):
            return with_changes(found, secret_access_key=administrator.secret_key)
        return found


def execution_credentials(function: dict[str, Any]) -> dict[str, str]:
    """Return the environment variables with which a function signs as its role."""
    session = session_of(function["Role"], function["FunctionName"])
    return {
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
    }


def _sign_links(administrator: Credentials) -> None:
    """Let links to code and layers work without further credentials."""
    credentials = BotocoreCredentials(administrator.access_key, administrator.secret_key)

    @around(*LINKS)
    def signed_link(link: Function, *arguments: Any) -> str:
        request = AWSRequest("GET", link(*arguments).partition("?")[0])
        S3SigV4QueryAuth(credentials, "s3", REGION, expires=LINK_SECONDS).add_auth(request)
        return str(request.url)
