import pytest
from botocore.exceptions import ClientError

from operations.preflight.bootstrap import REQUIRED_VERSION, VERSION_PARAMETER, bootstrap
from operations.preflight.clients import Aws
from operations.preflight.findings import Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, deny


@pytest.mark.parametrize(
    ("version", "verdict", "remedy"),
    [
        (REQUIRED_VERSION + 20, Verdict.OK, ""),
        (REQUIRED_VERSION, Verdict.OK, ""),
        (REQUIRED_VERSION - 1, Verdict.PROBLEM, "cdk bootstrap"),
    ],
)
def test_the_version_must_be_new_enough(
    aws: Aws, settings: Settings, stub: Stub, version: int, verdict: Verdict, remedy: str
) -> None:
    stub("ssm").add_response(
        "get_parameter", {"Parameter": {"Value": str(version)}}, {"Name": VERSION_PARAMETER}
    )
    (finding,) = bootstrap(aws, settings)
    assert (finding.verdict, finding.remedy) == (verdict, remedy)
    assert f"version {version}" in finding.what


def test_an_account_without_bootstrap_is_a_problem(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    (finding,) = bootstrap(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, "cdk bootstrap")
    assert "eu-west-1" in finding.what


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    deny(stub("ssm"), "get_parameter")
    with pytest.raises(ClientError):
        list(bootstrap(aws, settings))
