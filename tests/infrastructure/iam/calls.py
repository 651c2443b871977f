"""The table of calls that each role must be allowed: those of our code, and those of AWS as it.

Resources are those of one account (account.py); the source of a call is the file that makes it, or
the page where AWS documents that it does.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambda_src.training_job.balanced_list import NAME as BALANCED_LIST
from settings.instances import has_local_storage
from tests.infrastructure.iam.account import ACCOUNT, Account
from tests.infrastructure.synthesis import ROOT

DOCS = "https://docs.aws.amazon.com"
SAGEMAKER_ROLES = f"{DOCS}/sagemaker/latest/dg/sagemaker-roles.html"
CHECKPOINTS = f"{DOCS}/sagemaker/latest/dg/model-checkpoints.html"
CREATE_MODEL = f"{DOCS}/sagemaker/latest/APIReference/API_CreateModel.html"
ROLLBACK = f"{DOCS}/sagemaker/latest/dg/deployment-guardrails-configuration.html"
TASK = f"{DOCS}/step-functions/latest/dg/connect-lambda.html"
TASK_SNS = f"{DOCS}/step-functions/latest/dg/connect-sns.html"
TASK_SDK = f"{DOCS}/step-functions/latest/dg/supported-services-awssdk.html"
TASK_SAGEMAKER = f"{DOCS}/step-functions/latest/dg/connect-sagemaker.html"
DISTRIBUTED_MAP = f"{DOCS}/step-functions/latest/dg/iam-policies-eg-dist-map.html"
STATE_LOGS = f"{DOCS}/step-functions/latest/dg/cw-logs.html"
STATE_TRACES = f"{DOCS}/step-functions/latest/dg/concepts-xray-tracing.html"
EVENT_TARGETS = f"{DOCS}/eventbridge/latest/userguide/eb-use-identity-based.html"
LAMBDA_LOGS = f"{DOCS}/lambda/latest/dg/monitoring-cloudwatchlogs.html"
KMS_OF_S3 = f"{DOCS}/AmazonS3/latest/userguide/UsingKMSEncryption.html"
KMS_OF_SNS = f"{DOCS}/sns/latest/dg/sns-key-management.html"
KMS_OF_VOLUMES = f"{DOCS}/sagemaker/latest/dg/encryption-at-rest.html"
TRUST = f"{DOCS}/IAM/latest/UserGuide/id_roles_create_for-service.html"
FRAMEWORK = "aws-cdk-lib: custom-resources/lib/provider-framework/runtime"
AUTO_DELETE = "lambda_src/empty_bucket"

LOG_DELIVERY = """
    logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery
    logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies
    logs:DescribeLogGroups
"""
TRACES = """
    xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets
"""

# Stands for hashes, times and names that services generate.
DIGEST = "0123456789ab"
MAP_LABELS = ("Prefix", "Csv", "JsonLines")


@dataclass(frozen=True)
class Call:
    """One call; `holder` is the role, "Stack/LogicalId" without the hash, or another principal."""

    holder: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()
    source: str = field(default="", compare=False)


def calls(account: Account) -> list[Call]:
    """Return the table for the stacks of this account."""
    table = Table(account)
    made = [
        *table.storage(),
        *table.training(),
        *table.inference(),
        *table.workflow(),
        *table.batch(),
        *table.monitoring(),
        *table.services(),
    ]
    return [*made, *table.key_uses(made)]


class Table:
    """The rows of one account, by stack."""

    def __init__(self, account: Account) -> None:
        """Name what several rows are about."""
        self.account, self.settings = account, account.settings
        self.environment = self.settings.resource_prefix
        arn = account.arn
        self.data = arn("Storage/DataBucket")
        self.artifacts = arn("Storage/ArtifactBucket")
        self.captures = arn("Storage/CaptureBucket")
        self.dataset = f"datasets/{DIGEST}"
        self.model = f"{self.artifacts}/models/{self.environment}-{DIGEST}/output/model.tar.gz"
        if given := self.settings.training.model_data_url:
            self.model = account.format_arn(f"s3:::{given.removeprefix('s3://')}")
        self.topic = arn("Workflow/Notifications")
        self.endpoint = self._regional(f"sagemaker:endpoint/{self.settings.endpoint_name}")
        self.model_name = self._regional(f"ssm:parameter{self.settings.model_name_parameter}")
        encrypted = self.settings.encryption.customer_managed_key
        self.key = arn("Storage/EncryptionKey") if encrypted else None

    # --- stacks ----------------------------------------------------------------------------------

    def storage(self) -> Iterator[Call]:
        """Yield what empties the buckets before they are deleted."""
        if self.settings.retention.removal == "retain":
            return
        role = "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole"
        yield from self._function(role, "Storage/AutoDeleteObjectsLogs")
        for bucket in (self.data, self.artifacts, self.captures):
            yield from _rows(
                role,
                AUTO_DELETE,
                ("s3:GetBucketTagging s3:GetBucketPolicy s3:PutBucketPolicy", bucket),
                ("s3:ListBucketVersions", bucket),
                ("s3:DeleteObject s3:DeleteObjectVersion", f"{bucket}/any/object"),
            )

    def training(self) -> Iterator[Call]:
        """Yield the calls of the training job, and of what starts it and waits for it."""
        role, training = "Training/TrainingJobJobRole", self.settings.training
        if training.model_data_url:
            return
        yield from self._sagemaker(role)
        yield from self._sagemaker_logs(role, "/aws/sagemaker/TrainingJobs")
        yield from _rows(
            role,
            SAGEMAKER_ROLES,
            ("s3:GetObject", f"{self.data}/{self.dataset}/train.lst"),
            ("s3:ListBucket", self.data, {"s3:prefix": f"{self.dataset}/train/"}),
            ("s3:PutObject", self.model),
        )
        if training.spot.enabled:
            folder = f"checkpoints/{self.environment}-{DIGEST}"
            yield from _rows(
                role,
                CHECKPOINTS,
                ("s3:GetObject s3:PutObject", f"{self.artifacts}/{folder}/epoch-1.params"),
                ("s3:ListBucket", self.artifacts, {"s3:prefix": f"{folder}/"}),
            )
        if training.initial_model_data_url:
            bucket, _, key = training.initial_model_data_url.removeprefix("s3://").partition("/")
            where = self.account.format_arn(f"s3:::{bucket}")
            yield from _rows(
                role,
                SAGEMAKER_ROLES,
                ("s3:GetObject", f"{where}/{key}"),
                ("s3:ListBucket", where, {"s3:prefix": key}),
            )
        if self.key:
            yield from _rows(role, SAGEMAKER_ROLES, ("kms:Encrypt", self.key))
            yield from self._volumes(role, training.instance_type)

        handler = "lambda_src/training_job"
        job = self._regional(f"sagemaker:training-job/{self.environment}-{DIGEST}")
        on_event, is_complete = "Training/TrainingJobOnEvent", "Training/TrainingJobIsComplete"
        for function in (on_event, is_complete):
            yield from self._function(f"{function}Role", f"{function}Logs")
            yield from _rows(
                f"{function}Role",
                handler,
                ("sagemaker:DescribeTrainingJob", job),
                ("sagemaker:CreateTrainingJob sagemaker:AddTags", job),
                ("s3:GetObject", f"{self.data}/{self.dataset}/manifest.json"),
                ("s3:ListBucket", self.data),  # so that S3 answers 404 for what is not there
            )
            if training.class_weights == "balanced":
                yield from _rows(
                    f"{function}Role",
                    handler,
                    ("s3:GetObject", f"{self.data}/{self.dataset}/train.lst"),
                    ("s3:PutObject", f"{self.data}/{self.dataset}/{BALANCED_LIST}"),
                )
            for service in self._services("sagemaker"):
                passed = self.account.arn(role), {"iam:PassedToService": service}
                yield from _rows(f"{function}Role", handler, ("iam:PassRole", *passed))
        yield from _rows(
            f"{on_event}Role",
            handler,
            ("s3:GetObject", self.model),
            ("s3:ListBucket", self.artifacts),
        )
        yield from _rows(f"{is_complete}Role", handler, ("sagemaker:StopTrainingJob", job))
        yield from self._framework(on_event, "TrainingJob")
        yield from self._framework(is_complete, "TrainingJob")
        framework, machine = "Training/TrainingJobProviderframework", "Training/TrainingJobProvider"
        yield from _rows(
            "Training/TrainingJobOnEventFrameworkRole",
            FRAMEWORK,
            ("states:StartExecution", self.account.arn(f"{machine}waiterstatemachine")),
        )
        waiter = f"{machine}waiterstatemachineRole"
        yield from self._trusted(waiter, "states", f"{machine}waiterstatemachine")
        for name in ("isComplete", "onTimeout"):
            yield from _rows(
                waiter,
                FRAMEWORK,
                ("lambda:InvokeFunction", self.account.arn(f"{framework}{name}")),
            )

    def inference(self) -> Iterator[Call]:
        """Yield the calls of the model's role, which endpoint and transform jobs work with."""
        role = "Inference/ImageEndpointModelRole"
        yield from self._sagemaker(role)
        yield from self._sagemaker_logs(role, "/aws/sagemaker/TransformJobs")
        yield from _rows(
            role,
            CREATE_MODEL,
            ("s3:GetObject", self.model),
            ("s3:GetObject", f"{self.data}/some/picture.png"),
            ("s3:GetObject", f"{self.data}/batch/output/{DIGEST}/manifest.json"),
            ("s3:ListBucket", self.data, {"s3:prefix": f"batch/output/{DIGEST}/manifest.json"}),
            ("s3:PutObject", f"{self.data}/batch/output/{DIGEST}/raw/some/picture.png.out"),
        )
        endpoint = self.settings.endpoint
        if endpoint.enabled:
            logs = f"/aws/sagemaker/Endpoints/{self.settings.endpoint_name}"
            yield from self._sagemaker_logs(role, logs)
            if self.settings.capture.enabled:
                yield from _rows(role, CREATE_MODEL, ("s3:PutObject", self._capture()))
        if endpoint.enabled and endpoint.update_policy.rollback_on_alarms:
            # Denials name alarm:*, which only a pattern for all names matches.
            alarms = self._regional("cloudwatch:alarm:").removesuffix("/")
            yield from _rows(role, ROLLBACK, ("cloudwatch:DescribeAlarms", f"{alarms}any"))
        types = (endpoint.instance_type, self.settings.batch_transform.instance_type)
        for instance_type in types if self.key else ():
            yield from self._volumes(role, instance_type)

    def workflow(self) -> Iterator[Call]:
        """Yield the calls of the three functions, their state machine, and the notices."""
        for name in ("SerializeImage", "ClassifyImage"):
            yield from self._function(f"Workflow/{name}Role", f"Workflow/{name}Logs")
            yield from _rows(
                f"Workflow/{name}Role",
                "lambda_src/shared/picture_steps.py",
                ("s3:GetObject", f"{self.data}/some/picture.png"),
                ("s3:ListBucket", self.data),
            )
        yield from _rows(
            "Workflow/ClassifyImageRole",
            "lambda_src/shared/picture_steps.py",
            ("sagemaker:InvokeEndpoint", self.endpoint),
        )
        yield from self._function("Workflow/FilterConfidenceRole", "Workflow/FilterConfidenceLogs")
        yield from self._state_machine(
            "Workflow/ClassificationStateMachine",
            "SerializeImage",
            "ClassifyImage",
            "FilterConfidence",
        )
        yield from self._notice("Workflow/NoticeOfDeadExecution")
        yield from self._notice("Workflow/NoticeOfAlarm")

    def batch(self) -> Iterator[Call]:
        """Yield the calls of batch transform and bulk classification."""
        yield from self._transform()
        yield from self._bulk()
        yield from self._notice("Batch/NoticeOfDeadExecution")

    def _transform(self) -> Iterator[Call]:
        output = f"{self.data}/batch/output/{DIGEST}"
        check, write = (
            f"Batch/BatchTransform{name}" for name in ("CheckManifest", "WritePredictions")
        )
        for function in (check, write):
            yield from self._function(f"{function}Role", f"{function}Logs")
        yield from _rows(
            f"{check}Role",
            "lambda_src/check_manifest/handler.py",
            ("s3:GetObject", f"{self.data}/batch/input/manifest.json"),
            ("s3:ListBucket", self.data, {"s3:prefix": "some/"}),
            ("s3:PutObject", f"{output}/manifest.json"),
            ("s3:GetObject s3:PutObject", f"{output}/execution"),
        )
        yield from _rows(
            f"{write}Role",
            "lambda_src/write_predictions/handler.py",
            ("s3:GetObject", f"{output}/raw/some/picture.png.out"),
            ("s3:ListBucket", self.data),
            ("s3:PutObject s3:AbortMultipartUpload", f"{output}/predictions.csv"),
        )
        machine = "Batch/BatchTransformStateMachine"
        yield from self._state_machine(
            machine, "BatchTransformCheckManifest", "BatchTransformWritePredictions"
        )
        job = self._regional(f"sagemaker:transform-job/{self.environment}-{DIGEST}")
        rule = "events:rule/StepFunctionsGetEventsForSageMakerTransformJobsRule"
        yield from _rows(f"{machine}Role", TASK_SDK, ("ssm:GetParameter", self.model_name))
        yield from _rows(
            f"{machine}Role",
            TASK_SAGEMAKER,
            ("sagemaker:CreateTransformJob sagemaker:AddTags sagemaker:ListTags", job),
            ("sagemaker:DescribeTransformJob sagemaker:StopTransformJob", job),
            ("events:PutTargets events:PutRule events:DescribeRule", self._regional(rule)),
        )
        if self.key:
            instance_type = self.settings.batch_transform.instance_type
            yield from self._volumes(f"{machine}Role", instance_type)
        yield from self._event_target(machine)

    def _bulk(self) -> Iterator[Call]:
        if not self.settings.endpoint.enabled:
            return
        results = f"{self.artifacts}/bulk/{DIGEST}"
        classify, summarize = (
            f"Batch/BulkClassification{name}" for name in ("ClassifyBatch", "SummarizeBulk")
        )
        for function in (classify, summarize):
            yield from self._function(f"{function}Role", f"{function}Logs")
        yield from _rows(
            f"{classify}Role",
            "lambda_src/classify_batch",
            ("s3:GetObject", f"{self.data}/some/picture.png"),
            ("sagemaker:InvokeEndpoint", self.endpoint),
            ("s3:GetObject s3:PutObject", f"{results}/parts/0.jsonl"),
            ("s3:ListBucket", self.data),
            ("s3:ListBucket", self.artifacts),
        )
        machine = "Batch/BulkClassificationStateMachine"
        name = self.account.arn(machine).rpartition(":")[2]
        yield from _rows(
            f"{summarize}Role",
            "lambda_src/summarize_bulk",
            ("s3:GetObject", f"{results}/parts/0.jsonl"),
            ("s3:PutObject s3:AbortMultipartUpload", f"{results}/results.jsonl"),
            ("s3:ListBucket", self.artifacts),
            ("states:DescribeMapRun", self._regional(f"states:mapRun:{name}/Prefix:{DIGEST}")),
        )
        yield from self._state_machine(
            machine, "BulkClassificationClassifyBatch", "BulkClassificationSummarizeBulk"
        )
        yield from _rows(
            f"{machine}Role",
            DISTRIBUTED_MAP,
            ("states:StartExecution", self.account.arn(machine)),
            (
                "states:DescribeExecution states:StopExecution",
                self._regional(f"states:execution:{name}:{DIGEST}"),
            ),
            ("s3:ListBucket", self.data, {"s3:prefix": "some/"}),
            ("s3:GetObject", f"{self.data}/some/manifest.csv"),
            (
                "s3:PutObject s3:GetObject s3:ListMultipartUploadParts s3:AbortMultipartUpload",
                f"{results}/map/{DIGEST}/manifest.json",
            ),
        )
        for label in MAP_LABELS:
            child = self._regional(f"states:execution:{name}/{label}:{DIGEST}")
            yield from _rows(f"{machine}Role", DISTRIBUTED_MAP, ("states:RedriveExecution", child))

    def monitoring(self) -> Iterator[Call]:
        """Yield the calls of baseline and drift detector."""
        if not self.settings.detects_drift:
            return
        namespace = {"cloudwatch:namespace": f"Scones/{self.settings.environment}"}
        baseline = "Monitoring/ModelBaselineOnEvent"
        yield from self._function(f"{baseline}Role", f"{baseline}Logs")
        yield from _rows(
            f"{baseline}Role",
            "lambda_src/drift_detector",
            ("s3:GetObject", f"{self.data}/{self.dataset}/validation/some.png"),
            ("s3:ListBucket", self.data),
            (
                "s3:GetObject s3:PutObject s3:DeleteObject",
                f"{self.artifacts}/baselines/{DIGEST}.json",
            ),
            ("s3:ListBucket", self.artifacts),
            ("sagemaker:InvokeEndpoint", self.endpoint),
            ("cloudwatch:PutMetricData", "*", namespace),
        )
        yield from self._framework(baseline, "ModelBaseline")
        detector = "Monitoring/DriftDetectorFunction"
        yield from self._function(f"{detector}Role", f"{detector}Logs")
        yield from _rows(
            f"{detector}Role",
            "lambda_src/drift_detector",
            ("s3:GetObject", self._capture()),
            ("s3:ListBucket", self.captures, {"s3:prefix": "captures/"}),
            ("s3:GetObject", f"{self.artifacts}/baselines/{DIGEST}.json"),
            (
                "s3:GetObject s3:PutObject",
                f"{self.artifacts}/drift/{self.settings.endpoint_name}.json",
            ),
            ("s3:ListBucket", self.artifacts),
            ("ssm:GetParameter", self.model_name),
            ("cloudwatch:PutMetricData", "*", namespace),
            ("cloudwatch:GetMetricStatistics", "*"),
        )

    def services(self) -> Iterator[Call]:
        """Yield what services do in their own name."""
        if self.settings.detects_drift:
            yield from _rows(
                "events.amazonaws.com",
                f"{DOCS}/eventbridge/latest/userguide/eb-use-resource-based.html",
                (
                    "lambda:InvokeFunction",
                    self.account.arn("Monitoring/DriftDetectorFunction"),
                    {"aws:SourceArn": self.account.arn("Monitoring/DriftDetectorSchedule")},
                ),
            )
        if self.key:
            source = {"aws:SourceAccount": ACCOUNT}
            yield from _rows(
                "cloudwatch.amazonaws.com",
                KMS_OF_SNS,
                ("sns:Publish", self.topic, source),
                ("kms:Decrypt kms:GenerateDataKey", self.key, source),
            )

    def key_uses(self, made: list[Call]) -> Iterator[Call]:
        """Yield what S3 and SNS ask of the key for whoever reads, writes and publishes."""
        needs = {
            "s3:GetObject": ("kms:Decrypt", "s3", KMS_OF_S3),
            "s3:PutObject": ("kms:GenerateDataKey", "s3", KMS_OF_S3),
            "sns:Publish": ("kms:GenerateDataKey kms:Decrypt", "sns", KMS_OF_SNS),
        }
        encrypted = (self.data, self.artifacts, self.captures, self.topic)
        users = dict.fromkeys(
            (call.holder, *needs[call.action])
            for call in made
            if call.action in needs and call.resource.startswith(encrypted) and "/" in call.holder
        )
        for role, actions, service, source in users if self.key else ():
            for via in self._services(f"{service}.{self.account.region}"):
                yield from _rows(role, source, (actions, str(self.key), {"kms:ViaService": via}))

    # --- kinds of roles --------------------------------------------------------------------------

    def _trusted(self, role: str, service: str, source: str = "") -> Iterator[Call]:
        context = {"aws:SourceAccount": ACCOUNT}
        if source:
            context["aws:SourceArn"] = self.account.arn(source)
        principal = f"{service}.amazonaws.com"
        yield from _rows(principal, TRUST, ("sts:AssumeRole", self.account.arn(role), context))

    def _function(self, role: str, logs: str) -> Iterator[Call]:
        yield from self._trusted(role, "lambda")
        stream = self.account.arn(logs).removesuffix(":*") + ":log-stream:2026/11/27/1"
        yield from _rows(role, LAMBDA_LOGS, ("logs:CreateLogStream logs:PutLogEvents", stream))

    def _framework(self, function: str, construct: str) -> Iterator[Call]:
        """Yield the calls of CDK's function that calls one of ours for CloudFormation."""
        stack, _, _ = function.partition("/")
        role = f"{function}FrameworkRole"
        yield from self._function(role, f"{stack}/{construct}ProviderLogs")
        called = self.account.arn(function)
        yield from _rows(role, FRAMEWORK, ("lambda:InvokeFunction lambda:GetFunction", called))

    def _sagemaker(self, role: str) -> Iterator[Call]:
        yield from self._trusted(role, "sagemaker")
        yield from _rows(
            role,
            SAGEMAKER_ROLES,
            ("ecr:GetAuthorizationToken", "*"),
            (
                "ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer ecr:BatchGetImage",
                self._image(),
            ),
            ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/SageMaker"}),
        )

    def _sagemaker_logs(self, role: str, name: str) -> Iterator[Call]:
        # The reference has the first two actions on the group; denials name a stream without a
        # name: https://github.com/elastic/apm-aws-lambda/issues/526
        group = self._regional(f"logs:log-group:{name}")
        kind = "/".join(name.split("/")[:4])
        yield from _rows(
            role,
            SAGEMAKER_ROLES,
            ("logs:CreateLogGroup logs:DescribeLogStreams", group),
            ("logs:CreateLogGroup logs:DescribeLogStreams", f"{group}:log-stream:"),
            ("logs:CreateLogStream logs:PutLogEvents", f"{group}:log-stream:job/algo-1"),
            ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": kind}),
        )

    def _volumes(self, role: str, instance_type: str) -> Iterator[Call]:
        if self.key and not has_local_storage(instance_type):
            grant = {"kms:GrantIsForAWSResource": "true"}
            yield from _rows(role, KMS_OF_VOLUMES, ("kms:CreateGrant", self.key, grant))

    def _state_machine(self, machine: str, *functions: str) -> Iterator[Call]:
        """Yield the calls of a state machine that publishes and calls these functions."""
        role, (stack, _, _) = f"{machine}Role", machine.partition("/")
        yield from self._trusted(role, "states", machine)
        yield from _rows(role, STATE_LOGS, (LOG_DELIVERY, "*"))
        yield from _rows(role, STATE_TRACES, (TRACES, "*"))
        yield from _rows(role, TASK_SNS, ("sns:Publish", self.topic))
        for function in functions:
            called = self.account.arn(f"{stack}/{function}")
            yield from _rows(role, TASK, ("lambda:InvokeFunction", called))

    def _notice(self, notice: str) -> Iterator[Call]:
        yield from self._state_machine(f"{notice}StateMachine")
        yield from self._event_target(f"{notice}StateMachine")

    def _event_target(self, machine: str) -> Iterator[Call]:
        role = f"{machine}EventsRole"
        yield from self._trusted(role, "events")
        started = self.account.arn(machine)
        yield from _rows(role, EVENT_TARGETS, ("states:StartExecution", started))

    # --- names -----------------------------------------------------------------------------------

    def _regional(self, path: str) -> str:
        service, _, rest = path.partition(":")
        return self.account.format_arn(f"{service}:{{region}}:{{account}}:{rest}")

    def _services(self, name: str) -> list[str]:
        """Return the names of a service in conditions; in China it may have either of two."""
        return [
            f"{name}.{domain}" for domain in dict.fromkeys(["amazonaws.com", self.account.domain])
        ]

    def _image(self) -> str:
        registries = json.loads(
            (ROOT / "stacks/constructs/common/algorithm_registries.json").read_text()
        )
        region = self.account.region
        path = f"ecr:{region}:{registries[region]}:repository/image-classification"
        return self.account.format_arn(path)

    def _capture(self) -> str:
        folder = f"captures/{self.settings.endpoint_name}/AllTraffic/2026/11/27/20"
        return f"{self.captures}/{folder}/00-00-000-{DIGEST}.jsonl"


def _rows(
    role: str, source: str, *rows: tuple[str, str] | tuple[str, str, dict[str, str]]
) -> Iterator[Call]:
    """Yield a call for each action of each row: actions, resource and the request's context."""
    for actions, resource, *context in rows:
        for action in actions.split():
            pairs = tuple(context[0].items()) if context else ()
            yield Call(role, action, resource, pairs, source)
