import pytest
from botocore.stub import Stubber

from operations.preflight.findings import Finding, Verdict
from operations.preflight.notifications import notifications, sms
from settings import Settings
from tests.unit.operations.preflight.conftest import (
    ACCOUNT,
    REGION,
    Find,
    Stub,
    only,
    settings_with,
    stack_missing,
    stack_with,
)

STACK = "Scones-dev-Workflow"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"


@pytest.fixture
def settings() -> Settings:
    return settings_with(notifications={"emails": ["a@example.com", "b@example.com"]})


def deployed(stub: Stub, *pages: dict[str, str], protocol: str = "email") -> None:
    """A topic with pages of subscriptions: what ListSubscriptionsByTopic calls their ARN."""
    stack_with(stub("cloudformation"), STACK, TopicArn=TOPIC)
    pages = pages or ({},)
    for number, page in enumerate(pages):
        stub("sns").add_response(
            "list_subscriptions_by_topic",
            {
                "Subscriptions": [
                    {"Endpoint": address, "SubscriptionArn": arn, "Protocol": protocol}
                    for address, arn in page.items()
                ],
                **({"NextToken": str(number + 1)} if number + 1 < len(pages) else {}),
            },
            {"TopicArn": TOPIC} | ({"NextToken": str(number)} if number else {}),
        )


def test_confirmed_addresses_are_ok(find: Find, stub: Stub) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"}, {"b@example.com": f"{TOPIC}:2"})
    assert find(notifications) == [Finding(Verdict.OK, "2 confirmed")]


def test_an_address_that_has_not_confirmed_is_a_problem(find: Find, stub: Stub) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"}, {"b@example.com": "PendingConfirmation"})
    pending, confirmed = find(notifications)
    assert (pending.verdict, pending.what) == (Verdict.PROBLEM, "b@example.com has not confirmed")
    assert f"aws sns subscribe --topic-arn {TOPIC}" in pending.remedy
    assert confirmed == Finding(Verdict.OK, "1 confirmed")


def test_an_address_that_is_not_subscribed_is_worth_a_note(find: Find, stub: Stub) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"})
    _, missing = find(notifications)
    assert missing.verdict is Verdict.NOTE
    assert "b@example.com is not subscribed" in missing.what


def test_an_address_that_unsubscribed_is_not_subscribed(find: Find, stub: Stub) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1", "b@example.com": "Deleted"})
    confirmed, missing = find(notifications)
    assert confirmed == Finding(Verdict.OK, "1 confirmed")
    assert "b@example.com is not subscribed" in missing.what


@pytest.mark.parametrize(
    ("key", "protocol", "address", "where_the_link_is"),
    [
        ("https", "https", "https://example.com/hook", "the SubscribeURL in what SNS posted"),
        ("sqs", "sqs", f"arn:aws:sqs:{REGION}:999999999999:theirs", "waits in the queue"),
    ],
)
def test_each_kind_of_subscriber_confirms_in_its_way(
    find: Find, stub: Stub, key: str, protocol: str, address: str, where_the_link_is: str
) -> None:
    deployed(stub, {address: "PendingConfirmation"}, protocol=protocol)
    (pending,) = find(notifications, notifications={key: [address]})
    assert (pending.verdict, pending.what) == (Verdict.PROBLEM, f"{address} has not confirmed")
    assert where_the_link_is in pending.remedy
    assert f"--protocol {protocol} --notification-endpoint {address}" in pending.remedy


def test_a_phone_number_is_an_address_too(find: Find, stub: Stub) -> None:
    deployed(stub)
    (missing,) = find(notifications, notifications={"sms": ["+15550100000"]})
    assert "+15550100000 is not subscribed" in missing.what
    assert "--protocol sms --notification-endpoint +15550100000" in missing.remedy


def test_before_the_first_deployment_addresses_are_ok(find: Find, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    finding = only(find(notifications), Verdict.OK)
    assert "a@example.com, b@example.com" in finding.what


def test_a_queue_is_somebody_to_tell(find: Find, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ours"
    finding = only(find(notifications, notifications={"sqs": [queue]}), Verdict.OK)
    assert queue in finding.what


def test_nobody_to_tell_is_worth_a_note(find: Find, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    finding = only(find(notifications, notifications={}), Verdict.NOTE)
    assert finding.remedy == "notifications.emails in settings/dev.toml"


def test_somebody_who_subscribed_by_hand_is_told(find: Find, stub: Stub) -> None:
    deployed(stub, {"c@example.com": f"{TOPIC}:3"})
    assert find(notifications, notifications={}) == [Finding(Verdict.OK, "1 confirmed")]


ONE, OTHER = "+15550100000", "+15550100001"


PHONES = {"sms": [ONE, OTHER]}


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


def test_without_numbers_nothing_is_asked(find: Find) -> None:
    only(find(sms), Verdict.OK)


def test_an_account_outside_the_sandbox_sends_to_every_number(find: Find, stub: Stub) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"), "+15550199999")
    spend_limit(stub("sns"), MonthlySpendLimit="200")
    (finding,) = find(sms, notifications=PHONES)
    assert finding == Finding(Verdict.OK, f"SNS sends to {ONE}, {OTHER}")


def test_in_the_sandbox_each_number_has_to_be_verified(find: Find, stub: Stub) -> None:
    sandbox(stub("sns"), {"+15550199999": "Verified", OTHER: "Pending"}, {ONE: "Verified"})
    opted_out(stub("sns"))
    spend_limit(stub("sns"))
    finding = only(find(sms, notifications=PHONES), Verdict.PROBLEM)
    assert f"{OTHER} is not verified" in finding.what
    assert f"create-sms-sandbox-phone-number --phone-number {OTHER}" in finding.remedy


def test_a_number_that_opted_out_gets_nothing(find: Find, stub: Stub) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"), ONE)
    spend_limit(stub("sns"))
    finding = only(find(sms, notifications=PHONES), Verdict.PROBLEM)
    assert f"{ONE} has opted out" in finding.what
    assert f"opt-in-phone-number --phone-number {ONE}" in finding.remedy


def test_the_spend_limit_of_a_new_account_is_worth_a_note(find: Find, stub: Stub) -> None:
    no_sandbox(stub("sns"))
    opted_out(stub("sns"))
    spend_limit(stub("sns"), MonthlySpendLimit="1")
    _, finding = find(sms, notifications=PHONES)
    assert finding.verdict is Verdict.NOTE
    assert "have cost 1 USD" in finding.what
