"""The model servers that serve an endpoint, and their captures."""

import random
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.sagemaker import processes, s3
from localcloud.sagemaker.capture import CaptureConfig, CaptureWriter, is_enabled
from localcloud.sagemaker.contract import ApiError
from localcloud.sagemaker.endpoint_configs import ENDPOINT_CONFIGS, EndpointConfig, weight
from localcloud.sagemaker.model_server import INVOCATION_SECONDS, ModelServer
from localcloud.sagemaker.models import ALGORITHM, MODELS, Model
from localcloud.sagemaker.records import Scope

_DRAIN_SECONDS: Final = INVOCATION_SECONDS + 5


@dataclass(frozen=True)
class Deployment:
    """What an endpoint serves: its configuration and models, even when they are deleted."""

    config: EndpointConfig
    models: dict[str, Model]
    """By name of the variant."""

    @classmethod
    def of(cls, scope: Scope, config_name: str) -> "Deployment":
        """Return the deployment of an endpoint configuration, if it and its models exist."""
        config = ENDPOINT_CONFIGS.get(scope, config_name)
        models = {
            name: MODELS.get(scope, variant["ModelName"])
            for name, variant in config.variants.items()
        }
        return cls(config, models)


class Fleet:
    """The running model servers of a deployment; an endpoint serves with one fleet at a time."""

    def __init__(self, endpoint: str, deployment: Deployment) -> None:
        """Fetch the models and start their servers; return when all are healthy."""
        self._config = deployment.config
        self._folder = processes.new_folder(f"endpoint-{endpoint}")
        self._servers: dict[str, ModelServer] = {}
        self._in_use = 0
        self._changed = threading.Condition()
        try:
            for name, model in deployment.models.items():
                self._servers[name] = start_server(model, name=name, folder=self._folder)
            for server in self._servers.values():
                server.wait_until_healthy()
        except BaseException:
            self._stop()
            raise
        # Variants of one endpoint write below one prefix, with the role of any of them.
        access = next(iter(deployment.models.values())).access
        self.captures = _capture_writer(endpoint, deployment.config, access)

    def acquire(self) -> None:
        """Begin to use the fleet; `retire` waits for the matching `release`."""
        with self._changed:
            self._in_use += 1

    def release(self) -> None:
        """End a use that `acquire` began."""
        with self._changed:
            self._in_use -= 1
            self._changed.notify_all()

    def server(self, target_variant: str | None) -> ModelServer:
        """Return the server of `target_variant`, else of a variant chosen by weight."""
        if target_variant is None:
            weights = [weight(variant) for variant in self._config.variants.values()]
            target_variant = random.choices(list(self._config.variants), weights)[0]
        if target_variant not in self._servers:
            raise ApiError("ValidationError", f"Variant {target_variant} not found for Request")
        return self._servers[target_variant]

    def retire(self) -> None:
        """Stop when no invocation uses it; return when its captures are in S3."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_use == 0, _DRAIN_SECONDS)
        self._stop()
        if self.captures is not None:
            self.captures.close()

    def _stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        shutil.rmtree(self._folder)


def start_server(
    model: Model, *, name: str, folder: Path, environment: Mapping[str, str] | None = None
) -> ModelServer:
    """Fetch a model and start to serve it; `environment` adds to that of its container."""
    unpacked = folder / name
    unpacked.mkdir()
    model.fetch(unpacked)
    return ModelServer(
        name=name,
        module=ALGORITHM,
        model=unpacked,
        environment={**model.container.get("Environment", {}), **(environment or {})},
        log=folder / f"{name}.log",
    )


def _capture_writer(
    endpoint: str, config: EndpointConfig, access: s3.Access
) -> CaptureWriter | None:
    if config.capture is None or not is_enabled(config.capture):
        return None

    def put(bucket: str, key: str, content: bytes) -> None:
        s3.client(access).put_object(Bucket=bucket, Key=key, Body=content)

    return CaptureWriter(config=CaptureConfig(config.capture), endpoint=endpoint, put_object=put)
