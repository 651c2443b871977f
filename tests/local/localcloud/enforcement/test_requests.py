"""Requests over HTTP are judged by the policies of the role that signs them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import client_as, denial, statement

ACCOUNT = "us-east-1:000000000000"


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that a call raises."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_call_that_no_policy_allows_is_denied_and_named(
    cloud: LocalCloud, role: Any, bucket: str
) -> None:
    arn = role(statement("s3:GetObject", f"arn:aws:s3:::{bucket}/there"))
    s3 = client_as(cloud, arn, "s3")

    assert s3.get_object(Bucket=bucket, Key="there")["Body"].read() == b"[1, 2]"
    code, message = refusal(s3.put_object, Bucket=bucket, Key="there", Body=b"")
    assert code == "AccessDenied"
    assert message == denial(arn, "s3:PutObject", f"arn:aws:s3:::{bucket}/there")


def test_the_resource_of_a_second_check_is_the_one_that_is_named(
    cloud: LocalCloud, role: Any, bucket: str
) -> None:
    arn = role(statement("s3:PutObject", f"arn:aws:s3:::{bucket}/*"))

    _, message = refusal(
        client_as(cloud, arn, "s3").copy_object,
        Bucket=bucket,
        Key="copy",
        CopySource={"Bucket": bucket, "Key": "there"},
    )

    assert message == denial(arn, "s3:GetObject", f"arn:aws:s3:::{bucket}/there")


def test_an_explicit_deny_of_the_resource_wins_and_says_so(
    cloud: LocalCloud, role: Any, bucket: str
) -> None:
    arn = role(statement("*", "*"))
    resource = f"arn:aws:s3:::{bucket}/there"
    refuse = statement("s3:GetObject", resource, Effect="Deny", Principal="*")
    cloud.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [refuse]})
    )

    _, message = refusal(client_as(cloud, arn, "s3").get_object, Bucket=bucket, Key="there")

    assert f"s3:GetObject on resource: {resource} with an explicit deny in a resource" in message


def test_a_missing_object_is_a_denial_to_a_role_that_may_not_list_the_bucket(
    cloud: LocalCloud, role: Any, bucket: str
) -> None:
    objects, listing = f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"
    reading = role(statement("s3:GetObject", objects))
    both = role(statement("s3:GetObject", objects), statement("s3:ListBucket", listing))
    blind, seeing = client_as(cloud, reading, "s3"), client_as(cloud, both, "s3")

    code, message = refusal(blind.get_object, Bucket=bucket, Key="gone")
    assert (code, message) == ("AccessDenied", denial(reading, "s3:ListBucket", listing))
    assert refusal(blind.head_object, Bucket=bucket, Key="gone")[0] == "403"
    assert refusal(seeing.get_object, Bucket=bucket, Key="gone")[0] == "NoSuchKey"
    assert refusal(seeing.head_object, Bucket=bucket, Key="gone")[0] == "404"


def test_metrics_are_judged_by_their_namespace(cloud: LocalCloud, role: Any) -> None:
    ours = {"StringEquals": {"cloudwatch:namespace": "Ours"}}
    arn = role(statement("cloudwatch:PutMetricData", "*", Condition=ours))
    cloudwatch = client_as(cloud, arn, "cloudwatch")
    metric = [{"MetricName": "Count", "Value": 1.0}]

    cloudwatch.put_metric_data(Namespace="Ours", MetricData=metric)
    _, message = refusal(cloudwatch.put_metric_data, Namespace="Theirs", MetricData=metric)

    assert message == denial(arn, "cloudwatch:PutMetricData", "*")


def test_a_map_run_is_judged_by_its_arn(cloud: LocalCloud, role: Any) -> None:
    runs = f"arn:aws:states:{ACCOUNT}:mapRun"
    arn = role(statement("states:DescribeMapRun", f"{runs}:ours/*"))
    states = client_as(cloud, arn, "stepfunctions")

    code, _ = refusal(states.describe_map_run, mapRunArn=f"{runs}:ours/Map:1")
    assert code == "ResourceNotFound"  # allowed, but there is none
    code, message = refusal(states.describe_map_run, mapRunArn=f"{runs}:theirs/Map:1")
    assert code == "AccessDeniedException"
    assert message == denial(arn, "states:DescribeMapRun", f"{runs}:theirs/Map:1")


@pytest.mark.parametrize(
    ("operation", "arguments", "resource"),
    [
        ("describe_training_job", {"TrainingJobName": "one"}, "training-job/one"),
        ("stop_transform_job", {"TransformJobName": "one"}, "transform-job/one"),
        ("delete_model", {"ModelName": "one"}, "model/one"),
        ("delete_endpoint", {"EndpointName": "one"}, "endpoint/one"),
        ("describe_endpoint_config", {"EndpointConfigName": "one"}, "endpoint-config/one"),
        ("list_models", {}, "*"),
    ],
)
def test_sagemaker_is_judged(
    cloud: LocalCloud, role: Any, operation: str, arguments: dict[str, str], resource: str
) -> None:
    arn = role()
    client = client_as(cloud, arn, "sagemaker")

    code, message = refusal(getattr(client, operation), **arguments)

    action = client.meta.method_to_api_mapping[operation]
    full = resource if resource == "*" else f"arn:aws:sagemaker:{ACCOUNT}:{resource}"
    assert code == "AccessDeniedException"
    assert message == denial(arn, f"sagemaker:{action}", full)


def test_an_invocation_is_judged_by_its_endpoint(cloud: LocalCloud, role: Any) -> None:
    endpoints = f"arn:aws:sagemaker:{ACCOUNT}:endpoint"
    arn = role(statement("sagemaker:InvokeEndpoint", f"{endpoints}/ours"))
    runtime = client_as(cloud, arn, "sagemaker-runtime")

    code, _ = refusal(runtime.invoke_endpoint, EndpointName="ours", Body=b"{}")
    assert code == "ValidationError"  # allowed, but there is none
    code, message = refusal(runtime.invoke_endpoint, EndpointName="theirs", Body=b"{}")
    assert code == "AccessDeniedException"
    assert message == denial(arn, "sagemaker:InvokeEndpoint", f"{endpoints}/theirs")
