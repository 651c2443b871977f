"""The table of calls that each role must be allowed: those of our code, and those of AWS as it.

Resources are those of one account (account.py); the source of a call is the file that makes it, or
the page where AWS documents that it does.
"""

import json
from collections.abc import Callable, Mapping
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
EVENT_RESOURCES = f"{DOCS}/eventbridge/latest/userguide/eb-use-resource-based.html"
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
    for add in (
        *(table.storage, table.training, table.inference, table.workflow, table.batch),
        *(table.monitoring, table.services, table.key_uses),
    ):
        add()
    return table.calls


class Table:
    """The rows of one account, by stack."""

    def __init__(self, account: Account) -> None:
        """Name what several rows are about."""
        self.account, self.settings = account, account.settings
        self.calls: list[Call] = []
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

    def storage(self) -> None:
        """Add what empties the buckets before they are deleted."""
        if self.settings.retention.removal == "retain":
            return
        role = "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole"
        self._function(role, "Storage/AutoDeleteObjectsLogs")
        for bucket in (self.data, self.artifacts, self.captures):
            allow = self._caller(role, AUTO_DELETE)
            allow("s3:GetBucketTagging s3:GetBucketPolicy s3:PutBucketPolicy", bucket)
            allow("s3:ListBucketVersions", bucket)
            allow("s3:DeleteObject s3:DeleteObjectVersion", f"{bucket}/any/object")

    def training(self) -> None:
        """Add the calls of the training job, and of what starts it and waits for it."""
        role, training = "Training/TrainingJobJobRole", self.settings.training
        if training.model_data_url:
            return
        self._sagemaker(role)
        self._sagemaker_logs(role, "/aws/sagemaker/TrainingJobs")
        allow = self._caller(role, SAGEMAKER_ROLES)
        allow("s3:GetObject", f"{self.data}/{self.dataset}/train.lst")
        allow("s3:ListBucket", self.data, {"s3:prefix": f"{self.dataset}/train/"})
        allow("s3:PutObject", self.model)
        if training.spot.enabled:
            folder = f"checkpoints/{self.environment}-{DIGEST}"
            allow = self._caller(role, CHECKPOINTS)
            allow("s3:GetObject s3:PutObject", f"{self.artifacts}/{folder}/epoch-1.params")
            allow("s3:ListBucket", self.artifacts, {"s3:prefix": f"{folder}/"})
        if training.initial_model_data_url:
            bucket, _, key = training.initial_model_data_url.removeprefix("s3://").partition("/")
            where = self.account.format_arn(f"s3:::{bucket}")
            allow = self._caller(role, SAGEMAKER_ROLES)
            allow("s3:GetObject", f"{where}/{key}")
            allow("s3:ListBucket", where, {"s3:prefix": key})
        if self.key:
            self._caller(role, SAGEMAKER_ROLES)("kms:Encrypt", self.key)
            self._volumes(role, training.instance_type)

        handler = "lambda_src/training_job"
        job = self._regional(f"sagemaker:training-job/{self.environment}-{DIGEST}")
        on_event, is_complete = "Training/TrainingJobOnEvent", "Training/TrainingJobIsComplete"
        for function in (on_event, is_complete):
            self._function(f"{function}Role", f"{function}Logs")
            allow = self._caller(f"{function}Role", handler)
            allow("sagemaker:DescribeTrainingJob", job)
            allow("sagemaker:CreateTrainingJob sagemaker:AddTags", job)
            allow("s3:GetObject", f"{self.data}/{self.dataset}/manifest.json")
            allow("s3:ListBucket", self.data)  # so that S3 answers 404 for what is not there
            if training.class_weights == "balanced":
                allow = self._caller(f"{function}Role", handler)
                allow("s3:GetObject", f"{self.data}/{self.dataset}/train.lst")
                allow("s3:PutObject", f"{self.data}/{self.dataset}/{BALANCED_LIST}")
            for service in self._services("sagemaker"):
                passed = self.account.arn(role), {"iam:PassedToService": service}
                self._caller(f"{function}Role", handler)("iam:PassRole", *passed)
        allow = self._caller(f"{on_event}Role", handler)
        allow("s3:GetObject", self.model)
        allow("s3:ListBucket", self.artifacts)
        self._caller(f"{is_complete}Role", handler)("sagemaker:StopTrainingJob", job)
        self._framework(on_event, "TrainingJob")
        self._framework(is_complete, "TrainingJob")
        framework, machine = "Training/TrainingJobProviderframework", "Training/TrainingJobProvider"
        allow = self._caller("Training/TrainingJobOnEventFrameworkRole", FRAMEWORK)
        allow("states:StartExecution", self.account.arn(f"{machine}waiterstatemachine"))
        waiter = f"{machine}waiterstatemachineRole"
        self._trusted(waiter, "states", f"{machine}waiterstatemachine")
        for name in ("isComplete", "onTimeout"):
            called = self.account.arn(f"{framework}{name}")
            self._caller(waiter, FRAMEWORK)("lambda:InvokeFunction", called)

    def inference(self) -> None:
        """Add the calls of the model's role, which endpoint and transform jobs work with."""
        role = "Inference/ImageEndpointModelRole"
        self._sagemaker(role)
        self._sagemaker_logs(role, "/aws/sagemaker/TransformJobs")
        allow = self._caller(role, CREATE_MODEL)
        allow("s3:GetObject", self.model)
        allow("s3:GetObject", f"{self.data}/some/picture.png")
        allow("s3:GetObject", f"{self.data}/batch/output/{DIGEST}/manifest.json")
        allow("s3:ListBucket", self.data, {"s3:prefix": f"batch/output/{DIGEST}/manifest.json"})
        allow("s3:PutObject", f"{self.data}/batch/output/{DIGEST}/raw/some/picture.png.out")
        endpoint = self.settings.endpoint
        if endpoint.enabled:
            logs = f"/aws/sagemaker/Endpoints/{self.settings.endpoint_name}"
            self._sagemaker_logs(role, logs)
            if self.settings.capture.enabled:
                self._caller(role, CREATE_MODEL)("s3:PutObject", self._capture())
        if endpoint.enabled and endpoint.update_policy.rollback_on_alarms:
            # Denials name alarm:*, which only a pattern for all names matches.
            alarms = self._regional("cloudwatch:alarm:").removesuffix("/")
            self._caller(role, ROLLBACK)("cloudwatch:DescribeAlarms", f"{alarms}any")
        types = (endpoint.instance_type, self.settings.batch_transform.instance_type)
        for instance_type in types if self.key else ():
            self._volumes(role, instance_type)

    def workflow(self) -> None:
        """Add the calls of the three functions, their state machine, and the notices."""
        for name in ("SerializeImage", "ClassifyImage"):
            self._function(f"Workflow/{name}Role", f"Workflow/{name}Logs")
            allow = self._caller(f"Workflow/{name}Role", "lambda_src/shared/picture_steps.py")
            allow("s3:GetObject", f"{self.data}/some/picture.png")
            allow("s3:ListBucket", self.data)
        allow("sagemaker:InvokeEndpoint", self.endpoint)  # ClassifyImage alone
        self._function("Workflow/FilterConfidenceRole", "Workflow/FilterConfidenceLogs")
        functions = ("SerializeImage", "ClassifyImage", "FilterConfidence")
        self._state_machine("Workflow/ClassificationStateMachine", *functions)
        self._notice("Workflow/NoticeOfDeadExecution")
        self._notice("Workflow/NoticeOfAlarm")

    def batch(self) -> None:
        """Add the calls of batch transform and bulk classification."""
        self._transform()
        self._bulk()
        self._notice("Batch/NoticeOfDeadExecution")

    def _transform(self) -> None:
        output = f"{self.data}/batch/output/{DIGEST}"
        check, write = (
            f"Batch/BatchTransform{name}" for name in ("CheckManifest", "WritePredictions")
        )
        for function in (check, write):
            self._function(f"{function}Role", f"{function}Logs")
        allow = self._caller(f"{check}Role", "lambda_src/check_manifest/handler.py")
        allow("s3:GetObject", f"{self.data}/batch/input/manifest.json")
        allow("s3:ListBucket", self.data, {"s3:prefix": "some/"})
        allow("s3:PutObject", f"{output}/manifest.json")
        allow("s3:GetObject s3:PutObject", f"{output}/execution")
        allow = self._caller(f"{write}Role", "lambda_src/write_predictions/handler.py")
        allow("s3:GetObject", f"{output}/raw/some/picture.png.out")
        allow("s3:ListBucket", self.data)
        allow("s3:PutObject s3:AbortMultipartUpload", f"{output}/predictions.csv")
        machine = "Batch/BatchTransformStateMachine"
        self._state_machine(
            machine, "BatchTransformCheckManifest", "BatchTransformWritePredictions"
        )
        job = self._regional(f"sagemaker:transform-job/{self.environment}-{DIGEST}")
        rule = "events:rule/StepFunctionsGetEventsForSageMakerTransformJobsRule"
        self._caller(f"{machine}Role", TASK_SDK)("ssm:GetParameter", self.model_name)
        allow = self._caller(f"{machine}Role", TASK_SAGEMAKER)
        allow("sagemaker:CreateTransformJob sagemaker:AddTags sagemaker:ListTags", job)
        allow("sagemaker:DescribeTransformJob sagemaker:StopTransformJob", job)
        allow("events:PutTargets events:PutRule events:DescribeRule", self._regional(rule))
        if self.key:
            instance_type = self.settings.batch_transform.instance_type
            self._volumes(f"{machine}Role", instance_type)
        self._event_target(machine)

    def _bulk(self) -> None:
        if not self.settings.endpoint.enabled:
            return
        results = f"{self.artifacts}/bulk/{DIGEST}"
        classify, summarize = (
            f"Batch/BulkClassification{name}" for name in ("ClassifyBatch", "SummarizeBulk")
        )
        for function in (classify, summarize):
            self._function(f"{function}Role", f"{function}Logs")
        allow = self._caller(f"{classify}Role", "lambda_src/classify_batch")
        allow("s3:GetObject", f"{self.data}/some/picture.png")
        allow("sagemaker:InvokeEndpoint", self.endpoint)
        allow("s3:GetObject s3:PutObject", f"{results}/parts/0.jsonl")
        allow("s3:ListBucket", self.data)
        allow("s3:ListBucket", self.artifacts)
        machine = "Batch/BulkClassificationStateMachine"
        name = self.account.arn(machine).rpartition(":")[2]
        allow = self._caller(f"{summarize}Role", "lambda_src/summarize_bulk")
        allow("s3:GetObject", f"{results}/parts/0.jsonl")
        allow("s3:PutObject s3:AbortMultipartUpload", f"{results}/results.jsonl")
        allow("s3:ListBucket", self.artifacts)
        allow("states:DescribeMapRun", self._regional(f"states:mapRun:{name}/Prefix:{DIGEST}"))
        self._state_machine(
            machine, "BulkClassificationClassifyBatch", "BulkClassificationSummarizeBulk"
        )
        allow = self._caller(f"{machine}Role", DISTRIBUTED_MAP)
        allow("states:StartExecution", self.account.arn(machine))
        execution = self._regional(f"states:execution:{name}:{DIGEST}")
        allow("states:DescribeExecution states:StopExecution", execution)
        allow("s3:ListBucket", self.data, {"s3:prefix": "some/"})
        allow("s3:GetObject", f"{self.data}/some/manifest.csv")
        written = "s3:PutObject s3:GetObject s3:ListMultipartUploadParts s3:AbortMultipartUpload"
        allow(written, f"{results}/map/{DIGEST}/manifest.json")
        for label in MAP_LABELS:
            child = self._regional(f"states:execution:{name}/{label}:{DIGEST}")
            allow("states:RedriveExecution", child)

    def monitoring(self) -> None:
        """Add the calls of baseline and drift detector."""
        if not self.settings.detects_drift:
            return
        namespace = {"cloudwatch:namespace": f"Scones/{self.settings.environment}"}
        baseline = "Monitoring/ModelBaselineOnEvent"
        self._function(f"{baseline}Role", f"{baseline}Logs")
        allow = self._caller(f"{baseline}Role", "lambda_src/drift_detector")
        allow("s3:GetObject", f"{self.data}/{self.dataset}/validation/some.png")
        allow("s3:ListBucket", self.data)
        allow(
            "s3:GetObject s3:PutObject s3:DeleteObject", f"{self.artifacts}/baselines/{DIGEST}.json"
        )
        allow("s3:ListBucket", self.artifacts)
        allow("sagemaker:InvokeEndpoint", self.endpoint)
        allow("cloudwatch:PutMetricData", "*", namespace)
        self._framework(baseline, "ModelBaseline")
        detector = "Monitoring/DriftDetectorFunction"
        self._function(f"{detector}Role", f"{detector}Logs")
        allow = self._caller(f"{detector}Role", "lambda_src/drift_detector")
        allow("s3:GetObject", self._capture())
        allow("s3:ListBucket", self.captures, {"s3:prefix": "captures/"})
        allow("s3:GetObject", f"{self.artifacts}/baselines/{DIGEST}.json")
        state = f"{self.artifacts}/drift/{self.settings.endpoint_name}.json"
        allow("s3:GetObject s3:PutObject", state)
        allow("s3:ListBucket", self.artifacts)
        allow("ssm:GetParameter", self.model_name)
        allow("cloudwatch:PutMetricData", "*", namespace)
        allow("cloudwatch:GetMetricStatistics", "*")

    def services(self) -> None:
        """Add what services do in their own name."""
        if self.settings.detects_drift:
            allow = self._caller("events.amazonaws.com", EVENT_RESOURCES)
            schedule = {"aws:SourceArn": self.account.arn("Monitoring/DriftDetectorSchedule")}
            detector = self.account.arn("Monitoring/DriftDetectorFunction")
            allow("lambda:InvokeFunction", detector, schedule)
        if self.key:
            source = {"aws:SourceAccount": ACCOUNT}
            allow = self._caller("cloudwatch.amazonaws.com", KMS_OF_SNS)
            allow("sns:Publish", self.topic, source)
            allow("kms:Decrypt kms:GenerateDataKey", self.key, source)

    def key_uses(self) -> None:
        """Add what S3 and SNS ask of the key for whoever reads, writes and publishes."""
        needs = {
            "s3:GetObject": ("kms:Decrypt", "s3", KMS_OF_S3),
            "s3:PutObject": ("kms:GenerateDataKey", "s3", KMS_OF_S3),
            "sns:Publish": ("kms:GenerateDataKey kms:Decrypt", "sns", KMS_OF_SNS),
        }
        encrypted = (self.data, self.artifacts, self.captures, self.topic)
        users = dict.fromkeys(
            (call.holder, *needs[call.action])
            for call in self.calls
            if call.action in needs and call.resource.startswith(encrypted) and "/" in call.holder
        )
        for role, actions, service, source in users if self.key else ():
            for via in self._services(f"{service}.{self.account.region}"):
                self._caller(role, source)(actions, str(self.key), {"kms:ViaService": via})

    def _caller(self, role: str, source: str) -> Callable[..., None]:
        """Return what adds a call of the role for each action, with the request's context."""

        def allow(actions: str, resource: str, context: Mapping[str, str] | None = None) -> None:
            pairs = tuple((context or {}).items())
            self.calls += [Call(role, each, resource, pairs, source) for each in actions.split()]

        return allow

    # --- kinds of roles --------------------------------------------------------------------------

    def _trusted(self, role: str, service: str, source: str = "") -> None:
        context = {"aws:SourceAccount": ACCOUNT}
        if source:
            context["aws:SourceArn"] = self.account.arn(source)
        principal = f"{service}.amazonaws.com"
        self._caller(principal, TRUST)("sts:AssumeRole", self.account.arn(role), context)

    def _function(self, role: str, logs: str) -> None:
        self._trusted(role, "lambda")
        stream = self.account.arn(logs).removesuffix(":*") + ":log-stream:2026/11/27/1"
        self._caller(role, LAMBDA_LOGS)("logs:CreateLogStream logs:PutLogEvents", stream)

    def _framework(self, function: str, construct: str) -> None:
        """Add the calls of CDK's function that calls one of ours for CloudFormation."""
        stack, _, _ = function.partition("/")
        role = f"{function}FrameworkRole"
        self._function(role, f"{stack}/{construct}ProviderLogs")
        called = self.account.arn(function)
        self._caller(role, FRAMEWORK)("lambda:InvokeFunction lambda:GetFunction", called)

    def _sagemaker(self, role: str) -> None:
        self._trusted(role, "sagemaker")
        allow = self._caller(role, SAGEMAKER_ROLES)
        allow("ecr:GetAuthorizationToken", "*")
        allow(
            "ecr:BatchCheckLayerAvailability ecr:GetDownloadUrlForLayer ecr:BatchGetImage",
            self._image(),
        )
        allow("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/SageMaker"})

    def _sagemaker_logs(self, role: str, name: str) -> None:
        # The reference has the first two actions on the group; denials name a stream without a
        # name: https://github.com/elastic/apm-aws-lambda/issues/526
        group = self._regional(f"logs:log-group:{name}")
        kind = "/".join(name.split("/")[:4])
        allow = self._caller(role, SAGEMAKER_ROLES)
        allow("logs:CreateLogGroup logs:DescribeLogStreams", group)
        allow("logs:CreateLogGroup logs:DescribeLogStreams", f"{group}:log-stream:")
        allow("logs:CreateLogStream logs:PutLogEvents", f"{group}:log-stream:job/algo-1")
        allow("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": kind})

    def _volumes(self, role: str, instance_type: str) -> None:
        if self.key and not has_local_storage(instance_type):
            grant = {"kms:GrantIsForAWSResource": "true"}
            self._caller(role, KMS_OF_VOLUMES)("kms:CreateGrant", self.key, grant)

    def _state_machine(self, machine: str, *functions: str) -> None:
        """Add the calls of a state machine that publishes and calls these functions."""
        role, (stack, _, _) = f"{machine}Role", machine.partition("/")
        self._trusted(role, "states", machine)
        self._caller(role, STATE_LOGS)(LOG_DELIVERY, "*")
        self._caller(role, STATE_TRACES)(TRACES, "*")
        self._caller(role, TASK_SNS)("sns:Publish", self.topic)
        for function in functions:
            called = self.account.arn(f"{stack}/{function}")
            self._caller(role, TASK)("lambda:InvokeFunction", called)

    def _notice(self, notice: str) -> None:
        self._state_machine(f"{notice}StateMachine")
        self._event_target(f"{notice}StateMachine")

    def _event_target(self, machine: str) -> None:
        role = f"{machine}EventsRole"
        self._trusted(role, "events")
        started = self.account.arn(machine)
        self._caller(role, EVENT_TARGETS)("states:StartExecution", started)

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
