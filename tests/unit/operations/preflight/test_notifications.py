import pytest
from botocore.exceptions import ClientError

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.preflight.notifications import notifications
from settings import Settings
from tests.unit.operations.preflight.conftest import (
    ACCOUNT,
    REGION,
    Stub,
    deny,
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


def test_confirmed_addresses_are_ok(aws: Aws, settings: Settings, stub: Stub) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"}, {"b@example.com": f"{TOPIC}:2"})
    assert list(notifications(aws, settings)) == [Finding(Verdict.OK, "2 confirmed")]


def test_an_address_that_has_not_confirmed_is_a_problem(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"}, {"b@example.com": "PendingConfirmation"})
    pending, confirmed = notifications(aws, settings)
    assert (pending.verdict, pending.what) == (
        Verdict.PROBLEM,
        "b@example.com has not confirmed",
    )
    assert f"aws sns subscribe --topic-arn {TOPIC}" in pending.remedy
    assert confirmed == Finding(Verdict.OK, "1 confirmed")


def test_an_address_that_is_not_subscribed_is_worth_a_note(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1"})
    _, missing = notifications(aws, settings)
    assert missing.verdict is Verdict.NOTE
    assert "b@example.com is not subscribed" in missing.what


def test_an_address_that_unsubscribed_is_not_subscribed(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    deployed(stub, {"a@example.com": f"{TOPIC}:1", "b@example.com": "Deleted"})
    confirmed, missing = notifications(aws, settings)
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
    aws: Aws, stub: Stub, key: str, protocol: str, address: str, where_the_link_is: str
) -> None:
    deployed(stub, {address: "PendingConfirmation"}, protocol=protocol)
    (pending,) = notifications(aws, settings_with(notifications={key: [address]}))
    assert (pending.verdict, pending.what) == (Verdict.PROBLEM, f"{address} has not confirmed")
    assert where_the_link_is in pending.remedy
    assert f"--protocol {protocol} --notification-endpoint {address}" in pending.remedy


def test_a_phone_number_is_an_address_too(aws: Aws, stub: Stub) -> None:
    deployed(stub)
    (missing,) = notifications(aws, settings_with(notifications={"sms": ["+15550100000"]}))
    assert "+15550100000 is not subscribed" in missing.what
    assert "--protocol sms --notification-endpoint +15550100000" in missing.remedy


def test_before_the_first_deployment_addresses_are_ok(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    (finding,) = notifications(aws, settings)
    assert finding.verdict is Verdict.OK
    assert "a@example.com, b@example.com" in finding.what


def test_a_queue_is_somebody_to_tell(aws: Aws, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ours"
    (finding,) = notifications(aws, settings_with(notifications={"sqs": [queue]}))
    assert finding.verdict is Verdict.OK
    assert queue in finding.what


def test_nobody_to_tell_is_worth_a_note(aws: Aws, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    (finding,) = notifications(aws, settings_with())
    assert finding.verdict is Verdict.NOTE
    assert finding.remedy == "notifications.emails in settings/dev.toml"


def test_somebody_who_subscribed_by_hand_is_told(aws: Aws, stub: Stub) -> None:
    deployed(stub, {"c@example.com": f"{TOPIC}:3"})
    assert list(notifications(aws, settings_with())) == [Finding(Verdict.OK, "1 confirmed")]


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    stack_with(stub("cloudformation"), STACK, TopicArn=TOPIC)
    deny(stub("sns"), "list_subscriptions_by_topic")
    with pytest.raises(ClientError):
        list(notifications(aws, settings))
