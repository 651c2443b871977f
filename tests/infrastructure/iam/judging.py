"""Judges calls by the policies of an account, and says which grant allows which call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.infrastructure.iam.account import ACCOUNT, Account, Statement
from tests.infrastructure.iam.calls import Call
from tests.infrastructure.iam.engine import Answer, Request, judge

TLS = {"aws:SecureTransport": "true"}


@dataclass(frozen=True)
class Grant:
    """One action on one resource of one statement that allows it."""

    holder: str
    """The role, or the ARN of what the policy belongs to."""
    sid: str
    action: str
    resource: str

    def __str__(self) -> str:
        """Return the grant as a failing test shows it."""
        return f"{self.holder}: {self.action} on {self.resource}"


@dataclass(frozen=True)
class Judged:
    """The answers for the calls of one account."""

    account: Account
    answers: Mapping[Call, Answer]

    def denied(self, calls: Sequence[Call]) -> list[Call]:
        """Return those that are not allowed."""
        return [call for call in calls if not self.answers[call].allowed]

    def unused(self, calls: Sequence[Call]) -> list[Grant]:
        """Return the grants without which all these calls would still be allowed.

        And those of many actions at once: calls need some of them at most.
        """
        needed = set()
        for call in calls:
            answer = self.answers[call]
            places = (call.holder, answer.identity), (policy_of(call.resource), answer.resource)
            needed |= {(holder, sids[0]) for holder, sids in places if len(sids) == 1}
        return [
            grant
            for grant in grants(self.account)
            if "*" in grant.action or (grant.holder, grant.sid) not in needed
        ]


def judge_all(questions: Mapping[str, tuple[Account, Sequence[Call]]]) -> dict[str, Judged]:
    """Return the answers by the names of the questions."""
    policies: dict[str, Sequence[Statement]] = {}
    requests = []
    for name, (account, calls) in questions.items():
        for where, statements in _policies(account).items():
            policies[f"{name} {where}"] = list(split(statements))
        requests += [_request(name, account, call) for call in calls]
    answers = iter(judge(ACCOUNT, policies, requests))
    return {
        name: Judged(account, {call: next(answers) for call in calls})
        for name, (account, calls) in questions.items()
    }


def grants(account: Account) -> Iterator[Grant]:
    """Yield every grant of the account."""
    for where, statements in _policies(account).items():
        for statement in split(statements):
            if statement["Effect"] == "Allow":
                resource = statement.get("Resource", where)  # a trust policy has none
                yield Grant(where, statement["Sid"], statement["Action"], resource)


def policy_of(resource: str) -> str:
    """Return the ARN whose policy decides on the resource: of an object, its bucket's."""
    return resource.partition("/")[0] if ":s3:::" in resource else resource


def _policies(account: Account) -> dict[str, list[Statement]]:
    return {**account.identity_policies, **account.resource_policies}


def split(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the same permissions with a statement for each action and resource.

    The Sid of a statement is its number.
    """
    number = 0
    for statement in statements:
        assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys(), statement
        for action in _listed(statement["Action"]):
            for resource in _listed(statement.get("Resource")):
                number += 1
                one = {**statement, "Sid": str(number), "Action": action}
                yield one if resource is None else {**one, "Resource": resource}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _request(name: str, account: Account, call: Call) -> Request:
    service = call.action.partition(":")[0]
    tls = {**TLS, "s3:TlsVersion": "1.3"} if service == "s3" else TLS
    return Request(
        principal=account.arn(call.holder) if "/" in call.holder else call.holder,
        action=call.action,
        resource=call.resource,
        context={**tls, **dict(call.context)},
        identity=f"{name} {call.holder}",
        resource_policy=f"{name} {policy_of(call.resource)}",
    )
