"""Each role of the deployed application may do its own work and no other: one call that is denied.

The calls are near misses: what another role of the application may do, or the same action on the
resource next to its own.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.environment import REGION
from tests.infrastructure.synthesis import ACCOUNT
from tests.local.deployment import Deployment, Resources
from tests.local.localcloud.roles import client_as, denial


@dataclass(frozen=True)
class Forbidden:
    """A call; `{Stack/LogicalId}` is the physical name of a resource of the application."""

    service: str
    operation: str
    arguments: dict[str, Any]
    action: str
    resource: str


def reading(bucket: str, key: str) -> Forbidden:
    """Return the call that reads an object of a bucket of the storage stack."""
    arguments = {"Bucket": f"{{Storage/{bucket}}}", "Key": key}
    resource = f"arn:aws:s3:::{{Storage/{bucket}}}/{key}"
    return Forbidden("s3", "get_object", arguments, "s3:GetObject", resource)


def writing(bucket: str, key: str) -> Forbidden:
    """Return the call that writes an object of a bucket of the storage stack."""
    arguments = {"Bucket": f"{{Storage/{bucket}}}", "Key": key, "Body": "overwritten"}
    resource = f"arn:aws:s3:::{{Storage/{bucket}}}/{key}"
    return Forbidden("s3", "put_object", arguments, "s3:PutObject", resource)


def deleting(bucket: str, key: str) -> Forbidden:
    """Return the call that deletes an object of a bucket of the storage stack."""
    arguments = {"Bucket": f"{{Storage/{bucket}}}", "Key": key}
    resource = f"arn:aws:s3:::{{Storage/{bucket}}}/{key}"
    return Forbidden("s3", "delete_object", arguments, "s3:DeleteObject", resource)


def starting(machine: str) -> Forbidden:
    """Return the call that starts a state machine of the application."""
    arn = f"{{{machine}}}"
    arguments = {"stateMachineArn": arn}
    return Forbidden("stepfunctions", "start_execution", arguments, "states:StartExecution", arn)


def calling(function: str) -> Forbidden:
    """Return the call that invokes a function of the application."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{{function}}}"
    arguments = {"FunctionName": f"{{{function}}}"}
    return Forbidden("lambda", "invoke", arguments, "lambda:InvokeFunction", arn)


PUBLISHING = Forbidden(
    "sns",
    "publish",
    {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:another", "Message": "hello"},
    "sns:Publish",
    f"arn:aws:sns:{REGION}:{ACCOUNT}:another",
)
INVOKING = Forbidden(
    "sagemaker-runtime",
    "invoke_endpoint",
    {"EndpointName": "another", "Body": b"{}"},
    "sagemaker:InvokeEndpoint",
    f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/another",
)
PASSING_A_ROLE = Forbidden(
    "sagemaker",
    "create_training_job",
    {
        "TrainingJobName": "scones-dev-forbidden",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{{Inference/ImageEndpointModelRole}}",
        "OutputDataConfig": {"S3OutputPath": "s3://{Storage/ArtifactBucket}/models"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
    },
    "iam:PassRole",
    f"arn:aws:iam::{ACCOUNT}:role/{{Inference/ImageEndpointModelRole}}",
)

FORBIDDEN = {
    "Batch/BatchTransformCheckManifestRole": writing("DataBucket", "datasets/one.png"),
    "Batch/BatchTransformStateMachineEventsRole": starting("Batch/BulkClassificationStateMachine"),
    "Batch/BatchTransformStateMachineRole": Forbidden(
        "ssm",
        "get_parameter",
        {"Name": "/scones/dev/dataset"},
        "ssm:GetParameter",
        f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/scones/dev/dataset",
    ),
    "Batch/BatchTransformWritePredictionsRole": reading("ArtifactBucket", "models/one.tar.gz"),
    "Batch/BulkClassificationClassifyBatchRole": INVOKING,
    "Batch/BulkClassificationStateMachineRole": writing("ArtifactBucket", "models/one.tar.gz"),
    "Batch/BulkClassificationSummarizeBulkRole": Forbidden(
        "stepfunctions",
        "describe_map_run",
        {"mapRunArn": f"arn:aws:states:{REGION}:{ACCOUNT}:mapRun:another/Prefix:1"},
        "states:DescribeMapRun",
        f"arn:aws:states:{REGION}:{ACCOUNT}:mapRun:another/Prefix:1",
    ),
    "Batch/NoticeOfDeadExecutionStateMachineEventsRole": starting(
        "Batch/BulkClassificationStateMachine"
    ),
    "Batch/NoticeOfDeadExecutionStateMachineRole": PUBLISHING,
    "Inference/ImageEndpointModelRole": writing("ArtifactBucket", "models/one.tar.gz"),
    "Monitoring/DriftDetectorFunctionRole": Forbidden(
        "cloudwatch",
        "put_metric_data",
        {"Namespace": "Another", "MetricData": [{"MetricName": "Count", "Value": 1.0}]},
        "cloudwatch:PutMetricData",
        "*",
    ),
    "Monitoring/ModelBaselineOnEventFrameworkRole": calling("Monitoring/DriftDetectorFunction"),
    "Monitoring/ModelBaselineOnEventRole": deleting("ArtifactBucket", "models/one.tar.gz"),
    "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole": reading(
        "DataBucket", "datasets/one.png"
    ),
    "Training/TrainingJobIsCompleteFrameworkRole": calling("Monitoring/DriftDetectorFunction"),
    "Training/TrainingJobIsCompleteRole": Forbidden(
        "sagemaker",
        "delete_endpoint",
        {"EndpointName": "scones-dev"},
        "sagemaker:DeleteEndpoint",
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/scones-dev",
    ),
    "Training/TrainingJobJobRole": reading("CaptureBucket", "captures/one.jsonl"),
    "Training/TrainingJobOnEventFrameworkRole": starting("Workflow/ClassificationStateMachine"),
    "Training/TrainingJobOnEventRole": PASSING_A_ROLE,
    "Training/TrainingJobProviderwaiterstatemachineRole": calling("Training/TrainingJobOnEvent"),
    "Workflow/ClassificationStateMachineRole": calling("Monitoring/DriftDetectorFunction"),
    "Workflow/ClassifyImageRole": INVOKING,
    "Workflow/FilterConfidenceRole": reading("DataBucket", "datasets/one.png"),
    "Workflow/NoticeOfAlarmStateMachineEventsRole": starting("Workflow/ClassificationStateMachine"),
    "Workflow/NoticeOfAlarmStateMachineRole": PUBLISHING,
    "Workflow/NoticeOfDeadExecutionStateMachineEventsRole": starting(
        "Workflow/ClassificationStateMachine"
    ),
    "Workflow/NoticeOfDeadExecutionStateMachineRole": PUBLISHING,
    "Workflow/SerializeImageRole": writing("DataBucket", "datasets/one.png"),
}
"""A call of each role, named by its stack and its logical id without the hash."""


def test_each_deployed_role_has_a_row(resources: Resources) -> None:
    assert set(resources["AWS::IAM::Role"]) == set(FORBIDDEN)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_call_is_denied(
    deployment: Deployment, resources: Resources, name: str
) -> None:
    physical = {key: each for of_type in resources.values() for key, each in of_type.items()}
    call = FORBIDDEN[name]
    role = f"arn:aws:iam::{ACCOUNT}:role/{physical[name]}"
    client = client_as(deployment.cloud, role, call.service)

    with pytest.raises(ClientError) as refused:
        getattr(client, call.operation)(**_filled(call.arguments, physical))

    message = refused.value.response["Error"]["Message"]
    assert message == denial(role, call.action, call.resource.format_map(physical))


def _filled(value: Any, physical: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, physical) for key, item in value.items()}
    if isinstance(value, str):
        return value.format_map(physical)
    return value
