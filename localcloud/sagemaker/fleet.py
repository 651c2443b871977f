"""What serves an endpoint at a time: the model servers of its variants, and their captures."""

import random
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.sagemaker import artifacts, processes, s3
from localcloud.sagemaker.capture import CaptureConfig, CaptureWriter, is_enabled
from localcloud.sagemaker.endpoint_configs import ENDPOINT_CONFIGS, weight
from localcloud.sagemaker.errors import ApiError, Failure
from localcloud.sagemaker.images import algorithm_of
from localcloud.sagemaker.model_server import INVOCATION_SECONDS, ModelServer
from localcloud.sagemaker.models import MODELS, access_of, model_data_url, single_container
from localcloud.sagemaker.store import Scope

_DRAIN_SECONDS: Final = INVOCATION_SECONDS + 5


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What an endpoint is to serve: its configuration and models as they were when asked for."""

    scope: Scope
    endpoint: str
    config_name: str
    config: dict[str, Any]
    containers: dict[str, dict[str, Any]]
    """Variant name -> container of its model."""
    access: dict[str, s3.Access]
    """Variant name -> that of its model."""

    @classmethod
    def of(cls, scope: Scope, *, endpoint: str, config_name: str) -> "Deployment":
        """The deployment of an endpoint configuration.

        Raises:
            ApiError: the configuration or a model of it does not exist.
        """
        config = ENDPOINT_CONFIGS.get(scope, config_name).request
        models = {
            variant["VariantName"]: MODELS.get(scope, variant["ModelName"])
            for variant in config["ProductionVariants"]
        }
        return cls(
            scope=scope,
            endpoint=endpoint,
            config_name=config_name,
            config=config,
            containers={name: single_container(model.request) for name, model in models.items()},
            access={name: access_of(model) for name, model in models.items()},
        )


class Fleet:
    """The running model servers of a deployment; an endpoint serves with one fleet at a time."""

    def __init__(self, deployment: Deployment) -> None:
        """Fetch and unpack the models, start their servers, and return when all are healthy.

        Raises:
            Failure: a model cannot be fetched or unpacked, or its server does not become healthy.
        """
        self.deployment = deployment
        self._variants: Sequence[dict[str, Any]] = deployment.config["ProductionVariants"]
        self._folder = processes.new_folder(f"endpoint-{deployment.endpoint}")
        self._servers: dict[str, ModelServer] = {}
        self._in_use = 0
        self._changed = threading.Condition()
        try:
            for name in deployment.containers:
                self._servers[name] = self._start(name)
            for server in self._servers.values():
                server.wait_until_healthy()
        except BaseException:
            self._stop()
            raise
        self.captures = self._capture_writer()

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
        """The server of `target_variant`, else of a variant chosen by weight.

        Raises:
            ApiError: there is no such variant.
        """
        if target_variant is None:
            weights = [weight(variant) for variant in self._variants]
            chosen = random.choices(self._variants, weights)[0]
            return self._servers[chosen["VariantName"]]
        if target_variant not in self._servers:
            raise ApiError("ValidationError", f"Variant {target_variant} not found for Request")
        return self._servers[target_variant]

    def retire(self) -> None:
        """Stop when nobody uses it any more; when this returns, its captures are in S3."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_use == 0, _DRAIN_SECONDS)
        self._stop()
        if self.captures is not None:
            self.captures.close()

    def _start(self, variant: str) -> ModelServer:
        return start_server(
            self.deployment.access[variant],
            self.deployment.containers[variant],
            name=variant,
            folder=self._folder,
        )

    def _stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        shutil.rmtree(self._folder)

    def _capture_writer(self) -> CaptureWriter | None:
        config = self.deployment.config.get("DataCaptureConfig")
        if config is None or not is_enabled(config):
            return None

        # Variants of one endpoint write below one prefix, with the role of any of them.
        access = next(iter(self.deployment.access.values()))

        def put(bucket: str, key: str, content: bytes) -> None:
            s3.client(access).put_object(Bucket=bucket, Key=key, Body=content)

        return CaptureWriter(
            config=CaptureConfig(config), endpoint=self.deployment.endpoint, put_object=put
        )


def start_server(
    access: s3.Access, container: dict[str, Any], *, name: str, folder: Path
) -> ModelServer:
    """Fetch and unpack the model of a container, and start to serve it.

    Raises:
        Failure: the model cannot be fetched or unpacked.
    """
    model = folder / name
    model.mkdir()
    _fetch(access, model_data_url(container), model)
    return ModelServer(
        name=name,
        module=algorithm_of(container["Image"]).module,
        model=model,
        environment=container.get("Environment", {}),
        log=folder / f"{name}.log",
    )


def _fetch(access: s3.Access, url: str, model: Path) -> None:
    archive = model.with_suffix(".tar.gz")
    try:
        s3.download(access, url, archive)
    except ClientError as error:
        raise Failure(
            f'Failed to download model data from URL: "{url}". Please ensure that there is an '
            "object located at the URL and that the role passed to CreateModel has "
            f"permissions to download the object. ({error})"
        ) from error
    artifacts.unpack(archive, model, source=url)
    archive.unlink()
