"""Endpoint configurations: what an endpoint serves."""

from collections import Counter
from typing import Any, Final

from localcloud.sagemaker.contract import invalid, not_implemented
from localcloud.sagemaker.models import MODELS
from localcloud.sagemaker.records import Record, Scope, Table
from localcloud.sagemaker.s3 import split_uri

_NOT_IMPLEMENTED: Final = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")


class EndpointConfig(Record):
    """An endpoint configuration."""

    prefix = "EndpointConfig"

    @property
    def variants(self) -> dict[str, dict[str, Any]]:
        """The production variants by name."""
        return {each["VariantName"]: each for each in self.request["ProductionVariants"]}

    @property
    def capture(self) -> dict[str, Any] | None:
        """Its DataCaptureConfig."""
        return self.request.get("DataCaptureConfig")


ENDPOINT_CONFIGS: Final = Table(
    EndpointConfig, noun="endpoint configuration", listed_as="EndpointConfigs"
)


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig: variants of models that exist."""
    for feature in _NOT_IMPLEMENTED:
        if feature in request:
            raise not_implemented(f"{feature} of endpoint configurations")
    _check_variants(scope, request["ProductionVariants"])
    if "DataCaptureConfig" in request:
        split_uri(request["DataCaptureConfig"]["DestinationS3Uri"])
    config = EndpointConfig(scope=scope, request=request)
    ENDPOINT_CONFIGS.add(config)
    return {"EndpointConfigArn": config.arn}


def _check_variants(scope: Scope, variants: list[dict[str, Any]]) -> None:
    names = Counter(variant["VariantName"] for variant in variants)
    for name, count in names.items():
        if count > 1:
            raise invalid(f"Production variant names must be unique; {name} occurs {count} times.")
    for variant in variants:
        for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise not_implemented(f"production variants without {member}")
        MODELS.get(scope, variant["ModelName"])
    if not any(weight(variant) for variant in variants):
        raise invalid("At least one production variant needs an InitialVariantWeight above 0.")


def weight(variant: dict[str, Any]) -> float:
    """Return a variant's share of the traffic, relative to the others'; 1 by default."""
    return float(variant.get("InitialVariantWeight", 1.0))
