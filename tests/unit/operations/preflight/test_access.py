import pytest
from botocore.exceptions import ConnectTimeoutError

from operations.preflight.access import credentials, region
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub


def test_the_caller_is_named(aws: Aws, settings: Settings, stub: Stub) -> None:
    arn = "arn:aws:iam::123456789012:user/me"
    stub("sts").add_response("get_caller_identity", {"Account": "123456789012", "Arn": arn}, {})
    assert list(credentials(aws, settings)) == [
        Finding(Verdict.OK, f"account 123456789012 as {arn}")
    ]


def test_without_credentials_it_says_how_to_log_in(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (finding,) = credentials(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "Unable to locate credentials" in finding.what
    assert "aws sso login" in finding.remedy


def test_an_unknown_profile_is_named(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (finding,) = credentials(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "nobody" in finding.what


def test_expired_credentials_are_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    message = "The security token included in the request is expired"
    stub("sts").add_client_error("get_caller_identity", "ExpiredToken", message)
    (finding,) = credentials(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert message in finding.what
    assert "aws sso login" in finding.remedy


def test_no_network_says_nothing_of_the_credentials(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ConnectTimeoutError(endpoint_url="https://sts")

    monkeypatch.setattr(aws.client("sts"), "get_caller_identity", fail)
    with pytest.raises(ConnectTimeoutError):
        list(credentials(aws, settings))


def test_the_region_is_shown(aws: Aws, settings: Settings) -> None:
    assert list(region(aws, settings)) == [Finding(Verdict.OK, "eu-west-1")]


def test_another_cloud_is_shown(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    (finding,) = region(aws, settings)
    assert finding.what == "eu-west-1 at http://127.0.0.1:4566"


def test_no_region_is_a_problem(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (finding,) = region(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "AWS_REGION" in finding.remedy


def test_the_checks_look_where_cdk_deploys_to(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert aws.region == "us-west-2"
    assert aws.client("ssm").meta.region_name == "us-west-2"
