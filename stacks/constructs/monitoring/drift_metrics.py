"""The drift detector's metrics, which lambda_src/drift_detector/ computes."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from settings import Settings

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
        """Whether captures have the pictures."""
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
