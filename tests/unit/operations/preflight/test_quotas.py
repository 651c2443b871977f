from typing import Any

import pytest
from botocore.stub import Stubber

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.preflight.quotas import (
    ALL_ENDPOINTS,
    ALL_SPOT_TRAINING,
    ALL_TRAINING,
    ALL_TRANSFORM,
    PAGE_SIZE,
    concurrency,
    quotas,
)
from settings import Settings
from tests.unit.operations.preflight.conftest import Find, Stub, only

TRAINING = "ml.g4dn.xlarge for training job usage"
SPOT_TRAINING = "ml.g4dn.xlarge for spot training job usage"
ENDPOINT = "ml.g4dn.xlarge for endpoint usage"
TRANSFORM = "ml.m5.xlarge for transform job usage"
CODES = {TRAINING: "L-3F53BF0F", ENDPOINT: "L-B67CFA0C"}


def quota(name: str, value: float | None, **more: Any) -> dict[str, Any]:
    code = CODES.get(name, "L-00000000")
    known = {} if value is None else {"Value": value}
    return {"QuotaName": name, "QuotaCode": code, "Adjustable": True, **known, **more}


TRANSFORMS = (quota(TRANSFORM, 2), quota(ALL_TRANSFORM, 30))
OF_ALL_TYPES = (*TRANSFORMS, quota(ALL_TRAINING, 20), quota(ALL_ENDPOINTS, 40))


def page(
    stubber: Stubber,
    *found: dict[str, Any],
    operation: str = "list_service_quotas",
    token: str | None = None,
    following: str | None = None,
) -> None:
    stubber.add_response(
        operation,
        {"Quotas": list(found)} | ({"NextToken": following} if following else {}),
        {"ServiceCode": "sagemaker", "MaxResults": PAGE_SIZE}
        | ({"NextToken": token} if token else {}),
    )


def test_quotas_that_suffice_are_ok(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(TRAINING, 1), quota(ENDPOINT, 2), *OF_ALL_TYPES)
    assert find(quotas) == [
        Finding(Verdict.OK, f"quota {TRAINING!r} is 1; needed: 1"),
        Finding(Verdict.OK, f"quota {ENDPOINT!r} is 2; needed: 2"),
        Finding(Verdict.OK, f"quota {TRANSFORM!r} is 2; needed: 1"),
        Finding(Verdict.OK, f"quota {ALL_TRANSFORM!r} is 30; needed: 1"),
        Finding(Verdict.OK, f"quota {ALL_TRAINING!r} is 20; needed: 1"),
        Finding(Verdict.OK, f"quota {ALL_ENDPOINTS!r} is 40; needed: 2"),
    ]


def test_pages_are_read_until_all_is_found_and_no_further(find: Find, stub: Stub) -> None:
    service_quotas = stub("service-quotas")
    page(service_quotas, quota("ml.t3.medium for endpoint usage", 4), following="2")
    page(service_quotas, quota(ENDPOINT, 2), *OF_ALL_TYPES, token="2", following="3")
    page(service_quotas, quota(TRAINING, 1), token="3", following="4")
    assert {finding.verdict for finding in find(quotas)} == {Verdict.OK}


def test_what_is_found_is_told_before_the_rest_is_read(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    service_quotas = stub("service-quotas")
    page(service_quotas, quota(TRAINING, 0), following="2")
    found = quotas(aws, settings)
    assert next(found).verdict is Verdict.PROBLEM
    page(service_quotas, quota(ENDPOINT, 2), *OF_ALL_TYPES, token="2")
    assert [finding.verdict for finding in found] == [Verdict.OK] * 5


def test_a_quota_of_zero_comes_with_the_request(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(TRAINING, 0.0), quota(ENDPOINT, 8), *OF_ALL_TYPES)
    training, *_ = find(quotas)
    assert training == Finding(
        Verdict.PROBLEM,
        f"quota {TRAINING!r} is 0; needed: 1",
        "aws service-quotas request-service-quota-increase --service-code sagemaker "
        "--quota-code L-3F53BF0F --desired-value 1 --region eu-west-1",
    )


def test_the_instance_counts_of_the_settings_are_what_is_needed(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(TRAINING, 2), quota(ENDPOINT, 3), *OF_ALL_TYPES)
    training, endpoint, *_ = find(
        quotas, training={"instance_count": 3}, endpoint={"instance_count": 4}
    )
    assert (training.verdict, endpoint.verdict) == (Verdict.PROBLEM, Verdict.PROBLEM)
    assert "needed: 3" in training.what and "needed: 4" in endpoint.what
    assert "--desired-value 3 " in training.remedy
    assert "--quota-code L-B67CFA0C --desired-value 8 " in endpoint.remedy


def test_room_for_the_endpoint_but_not_for_its_update_is_a_note(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(TRAINING, 1), quota(ENDPOINT, 1), *OF_ALL_TYPES)
    _, endpoint, *_ = find(quotas)
    assert endpoint.verdict is Verdict.NOTE
    assert "up to 2 in all" in endpoint.what
    assert "--desired-value 2 " in endpoint.remedy


@pytest.mark.parametrize(
    ("allowed", "verdict", "words"),
    [
        (1, Verdict.PROBLEM, "needed: 2"),
        (5, Verdict.NOTE, "endpoint.autoscaling.max_instances = 6"),
        (11, Verdict.NOTE, "up to 12 in all"),
        (12, Verdict.OK, "needed: 12"),
    ],
)
def test_autoscaling_needs_room_for_the_most_instances_and_for_their_update(
    find: Find, stub: Stub, allowed: int, verdict: Verdict, words: str
) -> None:
    page(stub("service-quotas"), quota(TRAINING, 1), quota(ENDPOINT, allowed), *OF_ALL_TYPES)
    _, endpoint, *_ = find(
        quotas,
        endpoint={
            "instance_count": 2,
            "autoscaling": {"enabled": True, "min_instances": 2, "max_instances": 6},
        },
    )
    assert endpoint.verdict is verdict
    assert words in endpoint.what


def test_spot_training_has_quotas_of_its_own(find: Find, stub: Stub) -> None:
    page(
        stub("service-quotas"),
        *(quota(TRAINING, 4), quota(ALL_TRAINING, 4)),
        *(quota(SPOT_TRAINING, 0), quota(ALL_SPOT_TRAINING, 1)),
        *TRANSFORMS,
    )
    of_type, of_all, *_ = find(
        quotas, training={"spot": {"enabled": True}}, endpoint={"enabled": False}
    )
    assert of_type.verdict is Verdict.PROBLEM
    assert SPOT_TRAINING in of_type.what
    assert of_all == Finding(Verdict.OK, f"quota {ALL_SPOT_TRAINING!r} is 1; needed: 1")


def test_the_quota_of_all_types_can_be_what_is_short(find: Find, stub: Stub) -> None:
    of_all = (*TRANSFORMS, quota(ALL_TRAINING, 20), quota(ALL_ENDPOINTS, 0, Adjustable=False))
    page(stub("service-quotas"), quota(TRAINING, 1), quota(ENDPOINT, 2), *of_all)
    *_, endpoints = find(quotas)
    assert endpoints.verdict is Verdict.PROBLEM
    assert "fewer instances" in endpoints.remedy


def test_a_quota_of_all_types_that_is_not_listed_was_not_checked(find: Find, stub: Stub) -> None:
    of_types = (quota(TRAINING, 1), quota(ENDPOINT, 2), *TRANSFORMS)
    page(stub("service-quotas"), *of_types, quota(ALL_TRAINING, 20))
    page(stub("service-quotas"), operation="list_aws_default_service_quotas")
    *_, endpoints = find(quotas)
    assert endpoints == Finding(Verdict.NOT_CHECKED, f"eu-west-1 lists no quota {ALL_ENDPOINTS!r}")


def test_a_quota_that_is_not_applied_has_its_default(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(ENDPOINT, 2), *OF_ALL_TYPES)
    page(
        stub("service-quotas"),
        quota(ENDPOINT, 0),
        quota(TRAINING, 0),
        operation="list_aws_default_service_quotas",
    )
    endpoint, *_, training = find(quotas)
    assert (training.verdict, endpoint.verdict) == (Verdict.PROBLEM, Verdict.OK)


def test_a_type_without_a_quota_is_not_offered(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(ENDPOINT, 2), *OF_ALL_TYPES)
    page(stub("service-quotas"), operation="list_aws_default_service_quotas")
    *_, training = find(quotas)
    assert training.verdict is Verdict.PROBLEM
    assert f"eu-west-1 has no quota {TRAINING!r}" in training.what
    assert "training.instance_type" in training.remedy


def test_a_quota_that_cannot_be_raised_is_not_asked_for(find: Find, stub: Stub) -> None:
    refused = quota(TRAINING, 0, Adjustable=False)
    page(stub("service-quotas"), refused, quota(ENDPOINT, 2), *OF_ALL_TYPES)
    training, *_ = find(quotas)
    assert training.verdict is Verdict.PROBLEM
    assert "request-service-quota-increase" not in training.remedy
    assert "training.instance_type" in training.remedy


def test_a_quota_without_a_value_was_not_checked(find: Find, stub: Stub) -> None:
    reason = {"ErrorCode": "SERVICE_QUOTA_NOT_AVAILABLE_ERROR", "ErrorMessage": "try later"}
    unknown = quota(TRAINING, None, ErrorReason=reason)
    page(stub("service-quotas"), unknown, quota(ENDPOINT, 2), *OF_ALL_TYPES)
    training, *_ = find(quotas)
    assert training.verdict is Verdict.NOT_CHECKED
    assert "try later" in training.what


def test_a_given_model_needs_no_training_instance(find: Find, stub: Stub) -> None:
    page(stub("service-quotas"), quota(ENDPOINT, 2), *OF_ALL_TYPES)
    endpoint, *_, of_all = find(quotas, training={"model_data_url": "s3://bucket/model.tar.gz"})
    assert ENDPOINT in endpoint.what
    assert ALL_ENDPOINTS in of_all.what


def test_without_training_and_endpoint_transform_jobs_need_theirs(find: Find, stub: Stub) -> None:
    gpus = "ml.g4dn.xlarge for transform job usage"
    page(stub("service-quotas"), quota(gpus, 2), quota(ALL_TRANSFORM, 3))
    of_type, of_all = find(
        quotas,
        training={"model_data_url": "s3://bucket/model.tar.gz"},
        endpoint={"enabled": False},
        batch_transform={"instance_type": "ml.g4dn.xlarge", "instance_count": 3},
    )
    assert of_type.verdict is Verdict.NOTE
    assert "is 2, enough to deploy; a batch transform would wait" in of_type.what
    assert "--desired-value 3 " in of_type.remedy
    assert of_all == Finding(Verdict.OK, f"quota {ALL_TRANSFORM!r} is 3; needed: 3")


def test_a_type_for_transform_jobs_only_that_is_not_offered_is_a_note(
    find: Find, stub: Stub
) -> None:
    of_all = [each for each in OF_ALL_TYPES if each["QuotaName"] != TRANSFORM]
    page(stub("service-quotas"), quota(TRAINING, 1), quota(ENDPOINT, 2), *of_all)
    page(stub("service-quotas"), operation="list_aws_default_service_quotas")
    *_, transform = find(quotas)
    assert transform.verdict is Verdict.NOTE
    assert "another batch_transform.instance_type" in transform.remedy


REQUEST = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value {} --region eu-west-1; until it is granted, "
)


BUSY = {"workflow": {"max_concurrency": 40}, "bulk": {"max_concurrency": 20}}


def account(stub: Stub, total: int, *, free: int | None = None) -> None:
    limit = {
        "ConcurrentExecutions": total,
        "UnreservedConcurrentExecutions": total if free is None else free,
    }
    stub("lambda").add_response("get_account_settings", {"AccountLimit": limit}, {})


def test_a_usual_account_is_ok(find: Find, stub: Stub) -> None:
    account(stub, 1000)
    assert find(concurrency, **BUSY) == [
        Finding(
            Verdict.OK,
            "1000 function calls at a time in eu-west-1; workflow.max_concurrency = 40 and "
            "bulk.max_concurrency = 20 need 60",
        )
    ]


def test_a_new_account_is_told_what_ten_mean(find: Find, stub: Stub) -> None:
    account(stub, 10)
    finding = only(find(concurrency, **BUSY), Verdict.NOTE)
    assert finding.what.startswith(
        "10 function calls at a time in eu-west-1, enough to deploy; workflow.max_concurrency = "
        "40 and bulk.max_concurrency = 20 start up to 60. Lambda throttles the rest"
    )
    assert finding.remedy == (
        REQUEST.format(1000) + "workflow.max_concurrency + bulk.max_concurrency of at most 10"
    )


@pytest.mark.parametrize(
    ("sections", "verdict"),
    [
        ({"workflow": {"max_concurrency": 6}, "bulk": {"max_concurrency": 4}}, Verdict.OK),
        ({"workflow": {"max_concurrency": 6}, "bulk": {"max_concurrency": 5}}, Verdict.NOTE),
        ({"workflow": {"max_concurrency": 10}, "endpoint": {"enabled": False}}, Verdict.OK),
        ({"workflow": {"max_concurrency": 11}, "endpoint": {"enabled": False}}, Verdict.NOTE),
    ],
)
def test_the_settings_together_must_fit(
    find: Find, stub: Stub, sections: dict[str, Any], verdict: Verdict
) -> None:
    account(stub, 10)
    finding = only(find(concurrency, **sections), verdict)
    assert ("bulk" in finding.what) is ("bulk" in sections)


def test_what_other_functions_reserve_is_not_there_for_ours(find: Find, stub: Stub) -> None:
    account(stub, 1000, free=50)
    finding = only(find(concurrency, **BUSY), Verdict.NOTE)
    assert finding.what.startswith(
        "50 function calls at a time in eu-west-1 (950 more are reserved), enough to deploy"
    )
    assert finding.remedy.startswith(REQUEST.format(1010))
