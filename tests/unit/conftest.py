"""Shared by all unit tests: service models, a small archive, and an AWS that lives in memory."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient, ClientCreator
from botocore.compat import HTTPHeaders
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader
from moto import mock_aws
from moto.core.base_backend import BaseBackend

from settings import Settings
from settings.loader import validate
from tests.archives import Content, write_archive


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Keep what botocore and moto make of the models of services, and moto's table of URLs.

    It is most of the time of a test with moto, which forgets boto3's session at each test, and
    botocore with it what it has read. The table is made anew at each request.
    """
    classes: dict[str, type] = {}
    providers: dict[int, EndpointProvider] = {}
    tables: dict[tuple[type, str], Any] = {}
    creators: Any = ClientCreator
    make_table: Any = vars(BaseBackend)["urls"].fget
    create_class = creators._create_client_class

    def client_class(creator: ClientCreator, service: str, model: Any) -> type:
        if service not in classes:
            classes[service] = create_class(creator, service, model)
        return classes[service]

    def endpoint_provider(*, ruleset_data: Any, **others: Any) -> EndpointProvider:
        key = id(ruleset_data)  # the loader keeps it
        if key not in providers:
            providers[key] = EndpointProvider(ruleset_data=ruleset_data, **others)
        return providers[key]

    def table(backend: BaseBackend) -> Any:
        key = type(backend), backend.region_name
        if key not in tables:
            tables[key] = make_table(backend)
        return tables[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseBackend, "urls", property(table))
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        patch.setattr(ClientCreator, "_create_client_class", client_class)
        patch.setattr("botocore.regions.EndpointProvider", endpoint_provider)
        patch.setattr("moto.core.models.RESPONSES_METHODS", [])  # nothing here uses requests
        yield


def _split(label_list: list[int], prefix: str, seed: int) -> dict[bytes, Any]:
    rng = np.random.default_rng(seed)
    count = len(label_list)
    return {
        b"filenames": [f"{prefix}_{row:06}.png".encode() for row in range(count)],
        b"batch_label": b"a batch",
        b"fine_labels": label_list,
        b"coarse_labels": [0] * count,
        b"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
    }


@pytest.fixture
def content() -> Content:
    """Return what the archive's pickles hold: two pictures of each class, one in test."""
    return {
        "meta": {
            b"fine_label_names": [b"apple", b"motorcycle", b"bicycle"],
            b"coarse_label_names": [b"all"],
        },
        "train": _split([2, 0, 1, 1, 2, 0], "seen", seed=1),
        "test": _split([1, 0, 2], "unseen", seed=2),
    }


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[Content], Path]:
    """Return a function that writes an archive with the given content and returns its path."""

    return lambda content: write_archive(tmp_path / "cifar.tar.gz", content)


@pytest.fixture
def settings() -> Settings:
    """Of environment dev, with the classes bicycle and motorcycle."""
    values = {"dataset": {"classes": ["bicycle", "motorcycle"]}}
    return validate(values, environment="dev", source="test")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """An empty AWS account in memory, and the session that the code under test will use."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        session = boto3.Session()
        monkeypatch.setattr("operations.aws._session", lambda *_: session)
        yield session


Answers = dict[str, Callable[[dict[str, Any]], Any]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Functions that answer operations of AWS, by their names, in place of moto."""
    given: Answers = {}
    call = vars(BaseClient)["_make_api_call"]

    def answer(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in given:
            return given[operation](arguments)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return given


@pytest.fixture
def stacks(aws: boto3.Session) -> dict[str, list[dict[str, str]]]:
    """Outputs of the deployed stacks, by stack name; a test adds what it needs."""
    # moto's CloudFormation asks for packages that nothing else here needs.
    deployed: dict[str, list[dict[str, str]]] = {}

    def describe(params: dict[str, Any], **_: object) -> Any:
        name = params["body"]["StackName"]
        if name not in deployed:
            message = f"Stack with id {name} does not exist"
            error = {"Error": {"Code": "ValidationError", "Message": message}}
            return AWSResponse("", 400, HTTPHeaders(), None), error
        stack = {"StackStatus": "CREATE_COMPLETE", "Outputs": deployed[name]}
        return AWSResponse("", 200, HTTPHeaders(), None), {"Stacks": [stack]}

    aws.events.register("before-call.cloudformation.DescribeStacks", describe)
    return deployed


@pytest.fixture
def bucket(aws: boto3.Session, stacks: dict[str, list[dict[str, str]]]) -> str:
    """Name of the data bucket of a deployed storage stack."""
    name = "scones-data"
    aws.resource("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    aws.client("ssm").put_parameter(Name="/scones/dev/dataset", Value="not-staged", Type="String")
    stacks["Scones-dev-Storage"] = [
        {"OutputKey": "ArtifactBucketName", "OutputValue": "scones-artifacts"},
        {"OutputKey": "DataBucketName", "OutputValue": name},
    ]
    return name
