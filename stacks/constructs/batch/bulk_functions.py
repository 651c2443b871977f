"""The functions of bulk classification, and what each may do."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.batch.bulk_expressions import RESULTS
from stacks.constructs.common.encryption_key import allow_writing
from stacks.constructs.common.grants import allow
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.workflow.picture_results import STATUS_OF_ERROR

# The steps of the workflow, which a batch takes each picture through.
STEPS = ("serialize_image", "classify_image", "filter_confidence")


def classify_batch(
    scope: Construct,
    *,
    settings: Settings,
    data_bucket: s3.IBucket,
    results_bucket: s3.IBucket,
    encryption_key: kms.IKey | None,
) -> PythonFunction:
    """Classifies the pictures of one batch."""
    function = PythonFunction(
        scope,
        "ClassifyBatch",
        settings=settings,
        folder="classify_batch",
        imports=STEPS,
        environment={
            # One thread that is throttled slows down all of its function.
            "AWS_RETRY_MODE": "adaptive",
            "AWS_MAX_ATTEMPTS": "5",
            "CLASSES": ssm.StringParameter.value_for_string_parameter(
                scope, settings.model_classes_parameter
            ),
            "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
            "DATA_BUCKET": data_bucket.bucket_name,
            "ENDPOINT_NAME": settings.endpoint_name,
            "PICTURE_FAULTS": ",".join(STATUS_OF_ERROR),
            "REJECTION_STYLE": "status",  # each becomes a line of the results
            "RESULTS_BUCKET": results_bucket.bucket_name,
            "THREADS": str(settings.bulk.threads),
        },
        timeout=cdk.Duration.minutes(5),
        memory_size=512,
    )
    allow(
        function,
        "s3:GetObject",
        on=data_bucket.arn_for_objects("*"),
        why_wildcard="Any picture of the data bucket may be classified.",
    )
    endpoint_arn = cdk.Stack.of(scope).format_arn(
        service="sagemaker", resource="endpoint", resource_name=settings.endpoint_name
    )
    allow(function, "sagemaker:InvokeEndpoint", on=endpoint_arn)
    _allow_results(function, results_bucket, "s3:GetObject", "s3:PutObject")
    # Lets S3 answer 404 instead of 403 for a picture, or a part, that is not there.
    for bucket in (data_bucket, results_bucket):
        allow(function, "s3:ListBucket", on=bucket.bucket_arn)
    allow_writing(function, encryption_key)
    return function


def summarize_bulk(
    scope: Construct,
    *,
    settings: Settings,
    data_bucket: s3.IBucket,
    results_bucket: s3.IBucket,
    encryption_key: kms.IKey | None,
) -> PythonFunction:
    """Makes one file of the results of all batches."""
    function = PythonFunction(
        scope,
        "SummarizeBulk",
        settings=settings,
        folder="summarize_bulk",
        imports=("classify_batch",),
        environment={
            "DATA_BUCKET": data_bucket.bucket_name,
            "RESULTS_BUCKET": results_bucket.bucket_name,
        },
        timeout=cdk.Duration.minutes(15),
        memory_size=1024,
    )
    # Its upload is in several parts, and given up if a line is missing.
    _allow_results(
        function, results_bucket, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"
    )
    allow(function, "s3:ListBucket", on=results_bucket.bucket_arn)
    allow_writing(function, encryption_key)
    return function


def _allow_results(function: PythonFunction, bucket: s3.IBucket, *actions: str) -> None:
    allow(
        function,
        *actions,
        on=bucket.arn_for_objects(f"{RESULTS}/*"),
        why_wildcard="Each run has a folder of its own there.",
    )
