"""A local cloud, and the application deployed to another one."""

from collections.abc import Iterator

import pytest

from localcloud.launcher import LocalCloud, free_port
from tests.local.deployment import Deployment, Resources, pointed_at
from tests.local.inbox import Inbox, Messages
from tests.local.localcloud.roles import create_role, statement


@pytest.fixture(scope="session", autouse=True)
def templates_are_validated_elsewhere() -> Iterator[None]:
    """Leave CDK's own rules for templates to tests/infrastructure/test_rules.py.

    Loading them takes a process longer than its synthesis.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDK_VALIDATION", "false")
        yield


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Yield the local cloud of all tests that neither stop it nor need it empty."""
    folder = tmp_path_factory.mktemp("localcloud")
    with pytest.MonkeyPatch.context() as patch:
        # Tests of the emulator look at executions while these wait.
        patch.setenv("SFN_WAIT_SCALE", "1")
        started = LocalCloud(port=free_port(), folder=folder)
        started.start()
    create_role(started, "any", statement("*", "*"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Deploy the whole application once, by the real CDK CLI, with drawn pictures."""
    folder = tmp_path_factory.mktemp("deployment")
    with LocalCloud(port=free_port(), folder=folder).running() as cloud:
        with pointed_at(cloud):
            deployed = Deployment.deploy(cloud, folder)
        yield deployed


@pytest.fixture(scope="module")
def deployment(application: Deployment) -> Iterator[Deployment]:
    """Yield the deployed application; the environment points at its local cloud.

    Modules share it in any order: each leaves settings and data as it found them.
    """
    with pointed_at(application.cloud):
        yield application


@pytest.fixture(scope="module")
def resources(deployment: Deployment) -> Resources:
    return deployment.resources()


@pytest.fixture(scope="module")
def verdicts(deployment: Deployment) -> dict[str, list[str]]:
    return deployment.verdicts


@pytest.fixture
def messages(deployment: Deployment) -> Iterator[Messages]:
    """Yield a function that receives what the topic sends during the test."""
    sqs, sns = deployment.cloud.client("sqs"), deployment.cloud.client("sns")
    inbox = Inbox.create(sqs, "test-messages")
    subscription = sns.subscribe(
        TopicArn=deployment.outputs("Workflow")["TopicArn"], Protocol="sqs", Endpoint=inbox.arn
    )["SubscriptionArn"]
    yield inbox.notices
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=inbox.url)
