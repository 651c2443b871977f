import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.preflight.sms import sms
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, deny, settings_with

ONE, OTHER = "+15550100000", "+15550100001"


@pytest.fixture
def settings() -> Settings:
    return settings_with(notifications={"sms": [ONE, OTHER]})


def sandbox(sns: Stubber, *pages: dict[str, str]) -> None:
    """The account is in the sandbox, with pages of numbers and their status."""
    sns.add_response("get_sms_sandbox_account_status", {"IsInSandbox": True}, {})
    for number, page in enumerate(pages):
        sns.add_response(
            "list_sms_sandbox_phone_numbers",
            {
                "PhoneNumbers": [
                    {"PhoneNumber": phone, "Status": status} for phone, status in page.items()
                ],
                **({"NextToken": str(number + 1)} if number + 1 < len(pages) else {}),
            },
            {"NextToken": str(number)} if number else {},
        )


def no_sandbox(sns: Stubber) -> None:
    sns.add_response("get_sms_sandbox_account_status", {"IsInSandbox": False}, {})


def opted_out(sns: Stubber, *numbers: str) -> None:
    sns.add_response("list_phone_numbers_opted_out", {"phoneNumbers": list(numbers)}, {})


def spend_limit(sns: Stubber, **attributes: str) -> None:
    sns.add_response(
        "get_sms_attributes", {"attributes": attributes}, {"attributes": ["MonthlySpendLimit"]}
    )


def test_without_numbers_nothing_is_asked(aws: Aws) -> None:
    (finding,) = sms(aws, settings_with())
    assert finding.verdict is Verdict.OK


def test_an_account_outside_the_sandbox_sends_to_every_number(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"), "+15550199999")
    spend_limit(stub("sns"), MonthlySpendLimit="200")
    assert list(sms(aws, settings)) == [Finding(Verdict.OK, f"SNS sends to {ONE}, {OTHER}")]


def test_in_the_sandbox_each_number_has_to_be_verified(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    sandbox(stub("sns"), {"+15550199999": "Verified", OTHER: "Pending"}, {ONE: "Verified"})
    opted_out(stub("sns"))
    spend_limit(stub("sns"))
    (finding,) = sms(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert f"{OTHER} is not verified" in finding.what
    assert f"create-sms-sandbox-phone-number --phone-number {OTHER}" in finding.remedy


def test_a_number_that_opted_out_gets_nothing(aws: Aws, settings: Settings, stub: Stub) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"), ONE)
    spend_limit(stub("sns"))
    (finding,) = sms(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert f"{ONE} has opted out" in finding.what
    assert f"opt-in-phone-number --phone-number {ONE}" in finding.remedy


def test_the_spend_limit_of_a_new_account_is_worth_a_note(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"))
    spend_limit(stub("sns"), MonthlySpendLimit="1")
    _, finding = sms(aws, settings)
    assert finding.verdict is Verdict.NOTE
    assert "have cost 1 USD" in finding.what


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    deny(stub("sns"), "get_sms_sandbox_account_status")
    with pytest.raises(ClientError):
        list(sms(aws, settings))
