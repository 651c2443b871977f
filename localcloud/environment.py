"""Environment variables: those of the emulator's process and those that point tools at it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from localcloud.credentials import Credentials

PROJECT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
DEFAULT_PORT = 4566
REGION = "us-east-1"

CALLS_FILE = "LOCALCLOUD_CALLS"
"""Variable of the server: the file to which it writes every call of a role that it judged."""

CREDENTIALS_FILE = "LOCALCLOUD_CREDENTIALS"
"""Variable of the server: the file with the administrator's credentials."""

HEALTH_PATH = "/_ministack/health"
"""Answers without credentials, and only says that the server answers."""

# Jobs take seconds instead of minutes here, so Wait states and retry intervals are scaled down;
# SFN_WAIT_SCALE=1 restores them.
_WAIT_SCALE = {"SFN_WAIT_SCALE": "0.05"}

_IMPATIENT_CDK = Path(__file__).parent / "impatient_cdk.cjs"

# A developer's profile or metadata service must never be asked for credentials.
_NO_OTHER_ACCESS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def endpoint_url(port: int) -> str:
    """Return the URL at `port`; with a numeric host S3 clients use path-style addresses."""
    return f"http://{HOST}:{port}"


def client_variables(
    environment: Mapping[str, str], port: int, credentials: Credentials
) -> dict[str, str]:
    """Return what points boto3, the AWS CLI and the CDK CLI at the emulator only."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url(port),
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **_NO_OTHER_ACCESS,
        **_past_the_proxy(environment),
    }


def foreign_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the caller's AWS variables that ours do not replace, such as `AWS_PROFILE`."""
    ours = client_variables(environment, DEFAULT_PORT, Credentials("", ""))
    return sorted(name for name in environment if name.startswith("AWS_") and name not in ours)


def client_environment(
    environment: Mapping[str, str], port: int, credentials: Credentials
) -> dict[str, str]:
    """Point `environment` at the emulator, without the caller's AWS access.

    In it, the CDK CLI polls stacks more often.
    """
    script = json.dumps(str(_IMPATIENT_CDK), ensure_ascii=False)  # Node.js knows no \\u here
    options = [environment.get("NODE_OPTIONS", ""), "--require", script]
    return (
        _without_aws(environment)
        | client_variables(environment, port, credentials)
        | {"NODE_OPTIONS": " ".join(options).strip()}
    )


def server_environment(
    environment: Mapping[str, str],
    port: int,
    temporary: Path,
    *,
    calls: Path | None,
    credentials: Path,
) -> dict[str, str]:
    """Return the environment of the emulator, which all its processes inherit.

    It has nothing of the caller's AWS access. `temporary` is the TMPDIR; `calls` is the file of
    judged calls, None to allow all; `credentials` is the file of the administrator's.
    """
    return {**_WAIT_SCALE, **_without_aws(environment)} | {
        "AUTH": "false" if calls is None else "true",
        CALLS_FILE: str(calls or os.devnull),
        CREDENTIALS_FILE: str(credentials),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary / "state"),
        # CDK's own custom-resource handlers are JavaScript and import @aws-sdk/client-s3.
        "NODE_PATH": str(PROJECT / "node_modules"),
        **_NO_OTHER_ACCESS,
        **_past_the_proxy(environment),
    }


def _without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _past_the_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    exempt = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    # Custom resources answer to localhost, the name that ministack has for itself.
    hosts = [host for host in exempt.split(",") if host]
    value = ",".join(dict.fromkeys([*hosts, HOST, "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}
