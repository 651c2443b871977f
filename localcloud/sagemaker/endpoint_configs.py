"""Operations on endpoint configurations."""

from collections import Counter
from typing import Any, Final

from localcloud.sagemaker import listing
from localcloud.sagemaker.errors import invalid, not_implemented
from localcloud.sagemaker.models import MODELS
from localcloud.sagemaker.s3 import split_uri
from localcloud.sagemaker.store import Record, Scope, Table

ENDPOINT_CONFIGS: Table[Record] = Table(kind="endpoint-config", noun="endpoint configuration")

_NOT_IMPLEMENTED: Final = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig: variants of models that exist."""
    name = request["EndpointConfigName"]
    ENDPOINT_CONFIGS.check_free(scope, name)
    for feature in _NOT_IMPLEMENTED:
        if feature in request:
            raise not_implemented(f"{feature} of endpoint configurations")
    _check_variants(scope, request["ProductionVariants"])
    if "DataCaptureConfig" in request:
        split_uri(request["DataCaptureConfig"]["DestinationS3Uri"])
    record = Record(
        scope=scope, name=name, arn=scope.arn(ENDPOINT_CONFIGS.kind, name), request=request
    )
    ENDPOINT_CONFIGS.add(record)
    return {"EndpointConfigArn": record.arn}


def describe(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeEndpointConfig."""
    config = ENDPOINT_CONFIGS.get(scope, request["EndpointConfigName"])
    return {**config.request, "EndpointConfigArn": config.arn, "CreationTime": config.created}


def list_endpoint_configs(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListEndpointConfigs."""
    configs, token = listing.page(ENDPOINT_CONFIGS.all(scope), request, default_order="Descending")
    summaries = [
        {
            "EndpointConfigName": config.name,
            "EndpointConfigArn": config.arn,
            "CreationTime": config.created,
        }
        for config in configs
    ]
    return {"EndpointConfigs": summaries, "NextToken": token}


def delete(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteEndpointConfig; endpoints that use it go on."""
    ENDPOINT_CONFIGS.remove(scope, request["EndpointConfigName"])


def _check_variants(scope: Scope, variants: list[dict[str, Any]]) -> None:
    names = Counter(variant["VariantName"] for variant in variants)
    for name, count in names.items():
        if count > 1:
            raise invalid(f"Production variant names must be unique; {name} occurs {count} times.")
    for variant in variants:
        if "ModelName" not in variant:
            raise not_implemented("production variants without ModelName (inference components)")
        MODELS.get(scope, variant["ModelName"])
        on_instances = {"InstanceType", "InitialInstanceCount"} <= variant.keys()
        if on_instances == ("ServerlessConfig" in variant):
            raise invalid(
                f"Production variant {variant['VariantName']} needs either InstanceType and "
                "InitialInstanceCount, or ServerlessConfig."
            )
    if not any(weight(variant) for variant in variants):
        raise invalid("At least one production variant needs an InitialVariantWeight above 0.")


def weight(variant: dict[str, Any]) -> float:
    """Share of the traffic that a variant gets, relative to the others'; 1 unless given."""
    return float(variant.get("InitialVariantWeight", 1.0))
