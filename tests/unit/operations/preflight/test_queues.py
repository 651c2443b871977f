import json
from typing import Any

import pytest

from operations.preflight.findings import Finding, Verdict
from operations.preflight.queues import lets, queues
from tests.unit.operations.preflight.conftest import (
    ACCOUNT,
    REGION,
    Find,
    Stub,
    deny,
    only,
    stack_missing,
    stack_with,
)

STACK = "Scones-dev-Workflow"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def policy(action: str = "sqs:SendMessage", **more: Any) -> str:
    """A policy with one statement that lets SNS send for the topic, changed by `more`."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": action,
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | more]})


def there(stub: Stub, arn: str = QUEUE, **attributes: str) -> None:
    """The queue exists, with these attributes."""
    *_, region, account, name = arn.split(":")
    url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
    sqs = stub("sqs", region=region)
    asked = {"QueueName": name, "QueueOwnerAWSAccountId": account}
    sqs.add_response("get_queue_url", {"QueueUrl": url}, asked)
    sqs.add_response(
        "get_queue_attributes",
        {"Attributes": attributes} if attributes else {},
        {"QueueUrl": url, "AttributeNames": ["Policy", "KmsMasterKeyId"]},
    )


def missing(stub: Stub) -> None:
    stub("sqs", region=REGION).add_client_error(
        "get_queue_url",
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist or you do not have access to it.",
        service_error_meta={"QueryErrorCode": "QueueDoesNotExist"},
    )
    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/me", "UserId": "me"}
    stub("sts").add_response("get_caller_identity", identity, {})


def key(stub: Stub, name: str, manager: str, key_policy: str | None = None) -> None:
    """Let KMS describe the key, and show its policy if it is given."""
    kms = stub("kms", region=REGION)
    described = {"KeyId": KEY_ID, "KeyManager": manager}
    kms.add_response("describe_key", {"KeyMetadata": described}, {"KeyId": name})
    if key_policy:
        kms.add_response("get_key_policy", {"Policy": key_policy}, {"KeyId": KEY_ID})


@pytest.fixture
def deployed(stub: Stub) -> None:
    stack_with(stub("cloudformation"), STACK, TopicArn=TOPIC)


def test_without_queues_nothing_is_asked(find: Find) -> None:
    only(find(queues), Verdict.OK)


@pytest.mark.usefixtures("deployed")
def test_a_queue_that_lets_the_topic_send_is_ok(find: Find, stub: Stub) -> None:
    there(stub, Policy=policy())
    (finding,) = find(queues, notifications={"sqs": [QUEUE]})
    assert finding == Finding(Verdict.OK, f"{QUEUE}: accepts messages from SNS")


@pytest.mark.usefixtures("deployed")
def test_a_queue_is_asked_in_its_own_region(find: Find, stub: Stub) -> None:
    far = f"arn:aws:sqs:us-west-2:{ACCOUNT}:alerts"
    there(stub, far, Policy=policy())
    only(find(queues, notifications={"sqs": [far]}), Verdict.OK)


@pytest.mark.usefixtures("deployed")
def test_a_queue_without_a_policy_comes_with_the_statement_it_needs(find: Find, stub: Stub) -> None:
    there(stub)
    finding = only(find(queues, notifications={"sqs": [QUEUE]}), Verdict.PROBLEM)
    statement = json.loads(finding.remedy.removeprefix("add to its policy: "))
    assert lets(json.dumps({"Statement": statement}), "sqs:SendMessage", TOPIC)
    assert statement["Resource"] == QUEUE


def test_before_the_first_deployment_no_policy_can_name_the_topic(find: Find, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    there(stub)
    finding = only(find(queues, notifications={"sqs": [QUEUE]}), Verdict.NOTE)
    assert finding.remedy.startswith("once the topic is deployed, add to its policy")


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Action": "SQS:*"}, True),
        ({"Action": ["sqs:ReceiveMessage"]}, False),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["*"]}}, True),
        ({"Principal": {"Service": "sns.af-south-1.amazonaws.com"}}, True),
        ({"Principal": {"Service": ["events.amazonaws.com"]}}, False),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": [f"arn:aws:sns:*:{ACCOUNT}:*"]}}}, True),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": f"{TOPIC}2"}}}, False),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}, True),
    ],
)
def test_what_a_policy_allows(more: dict[str, Any], allowed: bool) -> None:
    assert lets(policy(**more), "sqs:SendMessage", TOPIC) is allowed


@pytest.mark.usefixtures("deployed")
def test_a_queue_of_ours_that_does_not_exist(find: Find, stub: Stub) -> None:
    missing(stub)
    (finding,) = find(queues, notifications={"sqs": [QUEUE]})
    assert (finding.verdict, finding.what) == (Verdict.PROBLEM, f"{QUEUE}: does not exist")


@pytest.mark.usefixtures("deployed")
def test_a_queue_of_others_that_does_not_show_itself(find: Find, stub: Stub) -> None:
    theirs = f"arn:aws:sqs:{REGION}:999999999999:theirs"
    missing(stub)
    finding = only(find(queues, notifications={"sqs": [theirs]}), Verdict.NOT_CHECKED)
    assert TOPIC in finding.remedy


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("name", ["alias/aws/sqs", KEY_ID])
def test_sns_may_not_use_the_key_that_is_aws_own(find: Find, stub: Stub, name: str) -> None:
    there(stub, Policy=policy(), KmsMasterKeyId=name)
    key(stub, name, "AWS")
    finding = only(find(queues, notifications={"sqs": [QUEUE]}), Verdict.PROBLEM)
    assert f"AWS's own key {name}" in finding.what
    assert "kms:GenerateDataKey and kms:Decrypt" in finding.remedy


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        (["kms:GenerateDataKey*", "kms:Decrypt"], Verdict.OK),
        (["kms:GenerateDataKey"], Verdict.PROBLEM),
    ],
)
def test_the_policy_of_a_customer_key_has_to_let_sns_use_it(
    find: Find, stub: Stub, actions: list[str], verdict: Verdict
) -> None:
    there(stub, Policy=policy(), KmsMasterKeyId="alias/ours")
    key(stub, "alias/ours", "CUSTOMER", policy(Action=actions))
    only(find(queues, notifications={"sqs": [QUEUE]}), verdict)


@pytest.mark.usefixtures("deployed")
def test_a_refusal_on_one_queue_says_nothing_of_the_others(find: Find, stub: Stub) -> None:
    deny(stub("sqs", region=REGION), "get_queue_url")
    other = f"{QUEUE}2"
    there(stub, other, Policy=policy())
    refused, fine = find(queues, notifications={"sqs": [QUEUE, other]})
    assert refused.verdict is Verdict.NOT_CHECKED
    assert refused.what.startswith(f"{QUEUE}: AccessDeniedException on GetQueueUrl")
    assert fine.verdict is Verdict.OK
