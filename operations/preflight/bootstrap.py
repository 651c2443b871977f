"""The CDK's own stack in the account and region."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

# What the synthesized templates ask for; a test compares the two. Read here from nowhere else,
# because an import of aws_cdk takes longer than all the checks.
VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
REQUIRED_VERSION = 6


def bootstrap(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """`cdk bootstrap` was run, with a CLI that was new enough."""
    version = aws.parameter(VERSION_PARAMETER)
    if version is None:
        what = f"{aws.region} is not bootstrapped in this account: no parameter {VERSION_PARAMETER}"
        yield Finding(Verdict.PROBLEM, what, "cdk bootstrap")
    elif int(version) < REQUIRED_VERSION:
        what = f"bootstrap version {version} is too old; the templates need {REQUIRED_VERSION}"
        yield Finding(Verdict.PROBLEM, what, "cdk bootstrap")
    else:
        yield Finding(Verdict.OK, f"version {version}, needed is {REQUIRED_VERSION}")
