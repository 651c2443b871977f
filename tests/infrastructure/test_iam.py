"""Every role may do what it has to, and little else, as an independent IAM engine sees it.

The engine is npm's @cloud-copilot/iam-simulate (AGPL-3.0, for tests only). It judges the
synthesized policies of roles, buckets, topic, key and functions. iam/calls.py is the table of calls
that must be allowed; iam/reasons.py has the reason of every exception.
"""

from collections import Counter

import pytest

from tests.infrastructure.iam.account import Account
from tests.infrastructure.iam.calls import Call, calls
from tests.infrastructure.iam.forbidden import forbidden, unencrypted
from tests.infrastructure.iam.judging import Judged, judge_all, policy_of
from tests.infrastructure.iam.reasons import ALLOWED_NEVERTHELESS, UNUSED, covered
from tests.infrastructure.synthesis import configuration

ACCOUNTS = {
    **{name: Account(configuration(name)) for name in ("dev", "prod", "minimal", "everything")},
    "china": Account(configuration("everything"), region="cn-north-1"),
}
ACCOUNT = ACCOUNTS["everything"]
MIN_FORBIDDEN = 50
MIN_WORDS = 4  # fewer are no reason


@pytest.fixture(scope="module")
def tables() -> dict[str, list[Call]]:
    return {name: calls(account) for name, account in ACCOUNTS.items()}


@pytest.fixture(scope="module")
def denials(tables: dict[str, list[Call]]) -> list[Call]:
    return forbidden(ACCOUNT, tables["everything"])


@pytest.fixture(scope="module")
def judged(tables: dict[str, list[Call]], denials: list[Call]) -> dict[str, Judged]:
    """Return all answers at once: the engine takes longer to start than to answer."""
    table = tables["everything"]
    return judge_all(
        {
            **{name: (account, tables[name]) for name, account in ACCOUNTS.items()},
            "forbidden": (ACCOUNT, denials),
            "unencrypted": (ACCOUNT, unencrypted(ACCOUNT, table)),
        }
    )


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_role_has_calls(name: str, tables: dict[str, list[Call]]) -> None:
    roles = set(ACCOUNTS[name].identity_policies)

    assert {call.holder for call in tables[name] if "/" in call.holder} == roles
    assert all(call.source for call in tables[name])


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_call_of_the_table_is_allowed(
    name: str, tables: dict[str, list[Call]], judged: dict[str, Judged]
) -> None:
    answers = judged[name].answers

    assert judged[name].denied(tables[name]) == []
    assert [call for call in tables[name] if answers[call].ignored] == []


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_grant_is_needed_or_says_why(
    name: str, tables: dict[str, list[Call]], judged: dict[str, Judged]
) -> None:
    unused = judged[name].unused(tables[name])

    assert [str(grant) for grant in unused if not covered(grant, ACCOUNTS[name], UNUSED)] == []


def test_forbidden_calls_are_denied_or_say_why(
    denials: list[Call], judged: dict[str, Judged]
) -> None:
    denied = set(judged["forbidden"].denied(denials))
    expected = {call for call in denials if not covered(call, ACCOUNT, ALLOWED_NEVERTHELESS)}

    assert expected - denied == set()
    assert denied - expected == set()
    counts = Counter(call.holder for call in denied)
    assert min(counts[role] for role in ACCOUNT.identity_policies) >= MIN_FORBIDDEN


def test_nothing_is_allowed_without_tls(judged: dict[str, Judged]) -> None:
    answers = judged["unencrypted"].answers

    assert {policy_of(call.resource) for call in answers} == {
        *ACCOUNT.arns("AWS::S3::Bucket").values(),
        *ACCOUNT.arns("AWS::SNS::Topic").values(),
    }
    assert [call for call, answer in answers.items() if answer.allowed] == []


def test_every_reason_is_about_something_that_is_there(
    tables: dict[str, list[Call]], denials: list[Call], judged: dict[str, Judged]
) -> None:
    unused = [
        (grant, account)
        for name, account in ACCOUNTS.items()
        for grant in judged[name].unused(tables[name])
    ]

    for reason in UNUSED:
        assert any(reason.covers(grant, account) for grant, account in unused), reason
    for reason in ALLOWED_NEVERTHELESS:
        assert [call for call in denials if reason.covers(call, ACCOUNT)], reason
    for reason in (*UNUSED, *ALLOWED_NEVERTHELESS):
        assert len(reason.why.split()) >= MIN_WORDS, reason
