"""Inference: the endpoint, its metrics, scaling and updates."""

from stacks.constructs.inference.endpoint_metrics import MICROSECONDS, VARIANT, EndpointMetrics
from stacks.constructs.inference.image_endpoint import ImageEndpoint

__all__ = ["MICROSECONDS", "VARIANT", "EndpointMetrics", "ImageEndpoint"]
