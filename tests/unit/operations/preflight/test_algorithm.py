import pytest
from botocore.exceptions import NoRegionError

from operations.preflight.algorithm import algorithm
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings


def test_a_region_that_offers_it(aws: Aws, settings: Settings) -> None:
    assert list(algorithm(aws, settings)) == [
        Finding(Verdict.OK, "image-classification is offered in eu-west-1")
    ]


def test_a_region_that_does_not_is_named_with_those_that_do(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "mx-central-1")
    (finding,) = algorithm(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "mx-central-1" in finding.what
    assert "eu-west-1" in finding.remedy


def test_no_region_is_no_answer(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(NoRegionError):
        list(algorithm(aws, settings))
