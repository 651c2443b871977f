"""The scheduled function that compares the traffic with the model's baseline, and its metrics."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.grants import allow, allow_keys, allow_listing, allow_metrics
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.storage import Storage, allow_writing
from stacks.constructs.inference import VARIANT
from stacks.constructs.monitoring.model_baseline import ModelBaseline
from stacks.s3_layout import BASELINES, CAPTURES, DRIFT_STATE

RECORDS = "Records"
UNREADABLE = "RecordsUnreadable"
NOT_COMPARED = "RecordsNotCompared"
NOT_MEASURED = "PicturesNotMeasured"
COUNTS = (RECORDS, UNREADABLE, NOT_COMPARED, NOT_MEASURED)
DRIFT = "Drift"

OF_REPLIES = {
    "MeanConfidence": "the mean confidence of the replies",
    "ShareBelowThreshold": "the share of pictures below the confidence threshold",
    "ClassStabilityIndex": "the shares of the classes",
}
OF_PICTURES = {
    "MeanBrightness": "the mean brightness of the pictures",
    "MeanContrast": "the mean contrast of the pictures",
    "MeanSharpness": "the mean sharpness of the pictures",
}
OF_MODELS = {
    "ModelMeanConfidence": "the mean confidence",
    "ModelAccuracy": "the accuracy",
}


class DriftMetrics:
    """Metrics of the environment's endpoint, one value in every interval of the detector."""

    def __init__(self, settings: Settings) -> None:
        self.namespace = f"Scones/{settings.environment}"
        self.period = cdk.Duration.minutes(settings.drift.interval_minutes)
        self._dimensions = {"EndpointName": settings.endpoint_name}
        self.has_pictures = settings.capture.mode != "output"
        """True if captures contain the pictures."""
        self.compared = OF_REPLIES | (OF_PICTURES if self.has_pictures else {})
        """By metric: what is compared with the baseline, in words."""

    def count(self, name: str, *, label: str | None = None) -> cloudwatch.Metric:
        """Return one of `COUNTS`."""
        return self._metric(name, "Sum", label)

    def drift(self, name: str, *, label: str | None = None) -> cloudwatch.Metric:
        """Return the distance from the baseline over its limit: above 1, it moved."""
        return self._metric(f"{name}{DRIFT}", "Maximum", label)

    def _metric(self, name: str, statistic: str, label: str | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=self.period,
            label=label,
        )


class DriftDetector(Construct):
    """Function and schedule.

    lambda_src/drift_detector/state.py explains how it reads each capture exactly once.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: Storage,
        baseline: ModelBaseline,
        metrics: DriftMetrics,
        layer: lambda_.ILayerVersion,
    ) -> None:
        """`layer` has Pillow."""
        super().__init__(scope, "DriftDetector")
        captures = f"{CAPTURES.path}/{settings.endpoint_name}/{VARIANT}/"
        state = f"{DRIFT_STATE}/{settings.endpoint_name}.json"
        model = ssm.StringParameter.from_string_parameter_attributes(
            self, "ModelName", parameter_name=settings.model_name_parameter
        )
        self.function = PythonFunction(
            self,
            "Function",
            settings=settings,
            folder="drift_detector",
            environment={
                "CAPTURE_BUCKET": storage.captures.bucket_name,
                "CAPTURE_PREFIX": captures,
                "STATE_BUCKET": storage.artifacts.bucket_name,
                "STATE_KEY": state,
                "BASELINE_KEY": baseline.key,
                "CONFIDENCE_THRESHOLD": str(settings.workflow.confidence_threshold),
                "METRIC_NAMESPACE": metrics.namespace,
                "ENDPOINT_NAME": settings.endpoint_name,
                # The model of the baseline, and where to see whether it is still deployed.
                "MODEL_NAME": model.string_value,
                "MODEL_NAME_PARAMETER": settings.model_name_parameter,
            },
            layers=[layer],
            # Less than the shortest interval, so that runs do not overlap.
            timeout=cdk.Duration.minutes(10),
            # A picture of 25 megapixels takes 200 MB, and time that falls with more memory.
            memory_size=1024,
        )
        # The next run finishes what a failed one left.
        self.function.configure_async_invoke(retry_attempts=0)
        acknowledge(
            self.function,
            "NIST.800.53.R5-LambdaDLQ",
            reason="Its events say only that it is time; the next run does what a failed one has "
            "left, and an alarm reports the failure.",
        )
        allow(
            self.function,
            "s3:GetObject",
            on=storage.captures.arn_for_objects(f"{captures}*"),
            why_wildcard=CAPTURES.why_all,
        )
        allow_keys(self.function, "s3:GetObject", bucket=storage.artifacts, folder=BASELINES)
        state_arn = storage.artifacts.arn_for_objects(state)
        allow(self.function, "s3:GetObject", "s3:PutObject", on=state_arn)
        allow(self.function, "ssm:GetParameter", on=model.parameter_arn)
        allow_listing(self.function, storage.captures, storage.artifacts)
        allow_writing(self.function, storage.key)
        allow_metrics(self.function, metrics.namespace)
        allow(
            self.function,
            "cloudwatch:GetMetricStatistics",
            on="*",
            why_wildcard="cloudwatch:GetMetricStatistics knows no resources and no conditions.",
        )
        events.Rule(
            self,
            "Schedule",
            schedule=events.Schedule.rate(metrics.period),
            targets=[targets.LambdaFunction(self.function, retry_attempts=0)],
        )
