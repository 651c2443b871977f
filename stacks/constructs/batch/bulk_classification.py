"""The state machine for thousands of pictures: a Distributed Map of batches, then a Choice to SNS.

The grants of a Distributed Map's role:
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import bulk_expressions as expressions
from stacks.constructs.common.acknowledge import acknowledge_inline_policy, acknowledge_wildcard
from stacks.constructs.common.conventions import published
from stacks.constructs.common.grants import allow_endpoint, allow_keys, allow_listing, arn, s3_arn
from stacks.constructs.common.jsonata import INPUT_IS_USABLE
from stacks.constructs.common.picture_results import STATUS_OF_ERROR
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.state_machine import LAMBDA_ERRORS, LambdaTask
from stacks.constructs.common.storage import Storage, allow_writing
from stacks.constructs.notifications import ReportingStateMachine, TopicPublisher
from stacks.s3_layout import BULK_RESULTS, PICTURES

# classify_batch raises BatchUnfinished for all transient faults.
TRANSIENT_ERRORS = [*LAMBDA_ERRORS, "BatchUnfinished"]
FIRST_RETRY, LONGEST_RETRY = cdk.Duration.seconds(5), cdk.Duration.minutes(1)
# Each call continues after the results that a crashed one saved; a batch that fails for good costs
# a hundred pictures.
RETRIES_AFTER_CRASH = 5

# Leaves room for the rest of a child's input of at most 256 KiB.
MAX_BATCH_BYTES = 200_000

LABELS = {"prefix": "Prefix", "csv": "Csv", "jsonl": "JsonLines"}
ITEMS = {
    "prefix": expressions.LISTED_ITEM,
    "csv": expressions.CSV_ITEM,
    "jsonl": expressions.ITEM,
}


class BulkClassification(ReportingStateMachine):
    """Classifies all pictures below a prefix or of a manifest; each gets one line of results."""

    def __init__(
        self, scope: Construct, *, settings: Settings, storage: Storage, publisher: TopicPublisher
    ) -> None:
        super().__init__(scope, "BulkClassification", settings=settings, publisher=publisher)
        self._data_bucket, self._results_bucket = storage.data, storage.artifacts
        self.results_uri = self._results_bucket.s3_url_for_object(BULK_RESULTS.path)
        self._classify_batch = self._classify_batch_function(settings, storage)
        self._summarize = self._summarize_function(settings, storage)
        self.functions = {"batch": self._classify_batch, "summary": self._summarize}
        self._create(self._definition(), timeout=cdk.Duration.days(1))
        allow_writing(self.state_machine, storage.key)
        self._allow_reading_map_runs()
        self._acknowledge_grants()

    def _definition(self) -> sfn.IChainable:
        read_input = sfn.Pass.jsonata(
            self,
            "Read input",
            comment="Takes a prefix or a manifest, and where the results of an earlier run are",
            outputs=expressions.read_input(
                self._data_bucket.bucket_name, self._results_bucket.bucket_name
            ),
        )
        invalid = self._invalid_input()
        summarize = self._invoke("Summarize", self._summarize)
        summarize.next(self._report(expressions.LOCATION))
        listing = sfn.Choice.jsonata(self, "How are the pictures listed?")
        for name, reader in self._readers().items():
            classify = self._classify_pictures(name, reader)
            classify.add_catch(
                invalid, errors=["States.ItemReaderFailed"], outputs=expressions.UNREADABLE
            )
            listing.when(
                sfn.Condition.jsonata(expressions.is_listed_by(name)), classify.next(summarize)
            )
        return read_input.next(
            sfn.Choice.jsonata(self, "Is the input usable?")
            .when(sfn.Condition.jsonata(INPUT_IS_USABLE), listing)
            .otherwise(invalid)
        )

    def _readers(self) -> dict[str, sfn.IItemReader]:
        # The type of a reader cannot be JSONata, so each has its Map.
        bucket, key = self._data_bucket, expressions.KEY
        return {
            "prefix": sfn.S3ObjectsItemReader(bucket=bucket, prefix=key),
            "csv": sfn.S3CsvItemReader(bucket=bucket, key=key),
            "jsonl": sfn.S3JsonLItemReader(bucket=bucket, key=key),
        }

    def _classify_pictures(self, listing: str, reader: sfn.IItemReader) -> sfn.DistributedMap:
        bulk = self._settings.bulk
        label = LABELS[listing]
        pictures = sfn.DistributedMap.jsonata(
            self,
            f"Classify pictures ({label})",
            label=label,
            item_reader=reader,
            item_selector=ITEMS[listing],
            item_batcher=sfn.ItemBatcher(
                max_items_per_batch=bulk.batch_size,
                max_input_bytes_per_batch=MAX_BATCH_BYTES,
                batch_input={"results": "{% $states.input.results %}"},
            ),
            # Express would be a little cheaper, but ends after five minutes, and an endpoint that
            # throttles until it has scaled out takes longer.
            map_execution_type=sfn.StateMachineType.STANDARD,
            max_concurrency=bulk.max_concurrency,
            tolerated_failure_percentage=bulk.tolerated_failure_percentage,
            result_writer_v2=ResultsBelow(
                bucket=self._results_bucket,
                prefix=expressions.MAP_RESULTS,
                # Without the inputs of batches that succeeded, and readable line by line.
                writer_config=sfn.WriterConfig(
                    transformation=sfn.Transformation.COMPACT, output_type=sfn.OutputType.JSONL
                ),
            ),
            outputs=expressions.WITH_MAP,
        )
        pictures.item_processor(
            self._invoke(f"Classify batch ({label})", self._classify_batch, errors=TRANSIENT_ERRORS)
        )
        return pictures

    def _invoke(
        self, name: str, function: PythonFunction, *, errors: Sequence[str] = LAMBDA_ERRORS
    ) -> LambdaTask:
        # Some ten minutes of waiting, in addition to the function's.
        return LambdaTask(
            self,
            name,
            function=function,
            errors=errors,
            interval=FIRST_RETRY,
            max_attempts=12,
            max_delay=LONGEST_RETRY,
            other_attempts=RETRIES_AFTER_CRASH,
        )

    def _classify_batch_function(self, settings: Settings, storage: Storage) -> PythonFunction:
        function = PythonFunction(
            self,
            "ClassifyBatch",
            settings=settings,
            folder="classify_batch",
            environment={
                "CLASSES": published(self, settings.model_classes_parameter),
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

    def _summarize_function(self, settings: Settings, storage: Storage) -> PythonFunction:
        function = PythonFunction(
            self,
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

    def _allow_reading_map_runs(self) -> None:
        # Not in the role's default policy: the function depends on that, and the state machine on
        # the function.
        map_runs = arn(self, "states", f"mapRun:{self.state_machine.state_machine_name}/*")
        policy = iam.Policy(
            self,
            "MapRunPolicy",
            statements=[
                iam.PolicyStatement(actions=["states:DescribeMapRun"], resources=[map_runs])
            ],
        )
        assert self._summarize.role
        policy.attach_to_role(self._summarize.role)
        acknowledge_inline_policy(policy)
        acknowledge_wildcard(
            policy, map_runs, reason="Step Functions generates the names of Map Runs."
        )

    def _acknowledge_grants(self) -> None:
        machine = self.state_machine
        acknowledge_wildcard(
            machine,
            self._results_bucket.arn_for_objects(BULK_RESULTS.keys),
            reason=BULK_RESULTS.why_all,
        )
        acknowledge_wildcard(
            machine,
            s3_arn(self, self._data_bucket.bucket_name, "*"),
            reason="A manifest may be anywhere in the data bucket.",
        )
        name = cdk.Fn.select(6, cdk.Fn.split(":", machine.state_machine_arn))
        executions = arn(self, "states", f"execution:{name}")
        for name in (":*", *(f"/{label}:*" for label in LABELS.values())):
            acknowledge_wildcard(
                machine,
                f"{executions}{name}",
                reason="CDK's grants on the state machine's children, whose names Step Functions "
                "generates.",
            )


class ResultsBelow(sfn.ResultWriterV2):
    """A result writer that may only write below the folder of the results."""

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        """Return CDK's statements, but for the folder instead of the bucket."""
        assert self.bucket
        return [
            iam.PolicyStatement(
                actions=[
                    "s3:AbortMultipartUpload",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                ],
                resources=[self.bucket.arn_for_objects(BULK_RESULTS.keys)],
            )
        ]
