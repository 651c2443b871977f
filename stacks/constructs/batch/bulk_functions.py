"""The functions of bulk classification."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.grants import allow_endpoint, allow_keys, allow_listing
from stacks.constructs.common.picture_results import STATUS_OF_ERROR
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.storage import Storage, allow_writing
from stacks.s3_layout import BULK_RESULTS, PICTURES


def classify_batch(scope: Construct, settings: Settings, storage: Storage) -> PythonFunction:
    """Return the function that classifies the pictures of one batch."""
    function = PythonFunction(
        scope,
        "ClassifyBatch",
        settings=settings,
        folder="classify_batch",
        environment={
            "CLASSES": ssm.StringParameter.value_for_string_parameter(
                scope, settings.model_classes_parameter
            ),
            "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
            "DATA_BUCKET": storage.data.bucket_name,
            "ENDPOINT_NAME": settings.endpoint_name,
            "PICTURE_FAULTS": ",".join(STATUS_OF_ERROR),
            "RESULTS_BUCKET": storage.artifacts.bucket_name,
            "THREADS": str(settings.bulk.threads),
        },
        timeout=cdk.Duration.minutes(5),
        memory_size=512,
    )
    allow_keys(function, "s3:GetObject", bucket=storage.data, folder=PICTURES)
    allow_endpoint(function, settings)
    actions = ("s3:GetObject", "s3:PutObject")
    allow_keys(function, *actions, bucket=storage.artifacts, folder=BULK_RESULTS)
    allow_listing(function, storage.data, storage.artifacts)
    allow_writing(function, storage.key)
    return function


def summarize_bulk(scope: Construct, settings: Settings, storage: Storage) -> PythonFunction:
    """Return the function that writes the results of all batches to one file."""
    function = PythonFunction(
        scope,
        "SummarizeBulk",
        settings=settings,
        folder="summarize_bulk",
        environment={
            "DATA_BUCKET": storage.data.bucket_name,
            "RESULTS_BUCKET": storage.artifacts.bucket_name,
        },
        timeout=cdk.Duration.minutes(15),
        memory_size=1024,
    )
    # A multipart upload is aborted if a line is missing.
    actions = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
    allow_keys(function, *actions, bucket=storage.artifacts, folder=BULK_RESULTS)
    allow_listing(function, storage.artifacts)
    allow_writing(function, storage.key)
    return function
