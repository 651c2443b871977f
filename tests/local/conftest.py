"""Fixtures of the tests that run against the local cloud."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from localcloud.launcher import LocalCloud, free_port
from tests.infrastructure.synthesis import STACKS
from tests.local.deployment import Deployment
from tests.local.inbox import Inbox, Messages
from tests.local.localcloud.roles import create_role, statement

LIFE = (
    "test_drift",
    "test_existing_handlers",
    "test_benchmarks",
    "test_workflow",
    "test_killed_workers",
    "test_odd_pictures",
    "test_keys",
    "test_bulk",
    "test_notices",
    "test_dashboard",
    "test_roles",
    "test_data_updates",
    "test_redeployment",
    "test_environments",
    "test_batch_transform",
    "test_iam_calls",
    "test_variants",
    "test_end_of_life",
)
"""The modules that share `deployment`, in the order in which they run, after all others.

Each leaves it as it found it, except the last two: one changes its settings, one destroys it.
test_iam_calls is the last that leaves it so: it judges what the roles did in the tests before.
The drift detector is first, while what was captured is what its test sends: captures are written
some time after the calls, so that those of a test before it would come in among its own.
"""

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the life of the deployment into its order, and leave the rest as it is."""

    def position(item: pytest.Item) -> int:
        if "deployment" not in getattr(item, "fixturenames", ()):
            return -1
        if item.path.parent != HERE or item.path.stem not in LIFE:
            raise pytest.UsageError(
                f"{item.nodeid} shares `deployment`, but {HERE / 'conftest.py'} does not say when "
                "it runs: name its module in LIFE"
            )
        return LIFE.index(item.path.stem)

    items.sort(key=position)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for the whole session, at a free port; all tests share what is in it."""
    folder = tmp_path_factory.mktemp("localcloud")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        # Tests of the emulator look at executions while these wait.
        patch.setenv("SFN_WAIT_SCALE", "1")
        started = stack.enter_context(LocalCloud(port=free_port(), folder=folder).running())
        create_role(started, "any", statement("*", "*"))
        yield started


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The whole application, deployed once by the real CDK CLI, with drawn pictures.

    It has a local cloud of its own: the last test looks whether `cdk destroy` left it empty.
    """
    folder = tmp_path_factory.mktemp("deployment")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        cloud = stack.enter_context(LocalCloud(port=free_port(), folder=folder).running())
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        yield Deployment.deploy(cloud, folder)


@pytest.fixture(scope="module")
def resources(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Type -> "Stack/LogicalId" without the hash -> physical name, of all that is deployed."""
    cloudformation = deployment.cloud.client("cloudformation")
    found: dict[str, dict[str, str]] = {}
    for stack in STACKS:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=deployment.settings.stack_name(stack)
        )
        for each in (summary for page in pages for summary in page["StackResourceSummaries"]):
            name = re.sub(r"[0-9A-F]{8}$", "", each["LogicalResourceId"])
            of_type = found.setdefault(each["ResourceType"], {})
            of_type[f"{stack}/{name}"] = each["PhysicalResourceId"]
    return found


@pytest.fixture(scope="session")
def verdicts(deployment: Deployment) -> dict[str, list[str]]:
    """Keys of the validation pictures by verdict, from one execution over all of them."""
    output = deployment.classify(*deployment.dataset.truth)
    keys: dict[str, list[str]] = {}
    for result in output["results"]:
        keys.setdefault(result["verdict"], []).append(result["body"]["s3_key"])
    return keys


@pytest.fixture
def messages(deployment: Deployment) -> Iterator[Messages]:
    """What the topic sends during a test."""
    sqs, sns = deployment.cloud.client("sqs"), deployment.cloud.client("sns")
    inbox = Inbox.create(sqs, "test-messages")
    subscription = sns.subscribe(
        TopicArn=deployment.outputs("Workflow")["TopicArn"], Protocol="sqs", Endpoint=inbox.arn
    )["SubscriptionArn"]
    yield inbox.notices
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=inbox.url)
