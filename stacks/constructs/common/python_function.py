"""A Python Lambda function from its folder of lambda_src/ and the modules that all share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge, acknowledge_inline_policy
from stacks.constructs.common.conventions import log_group

LAMBDA_SRC = Path(__file__).parents[3] / "lambda_src"
SHARED = "shared"
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64
LAMBDA = iam.ServicePrincipal("lambda.amazonaws.com")


class PythonFunction(lambda_.Function):
    """Function with its own log group and role; the role may write these logs only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        folder: str,
        module: str = "handler",
        handler: str = "lambda_handler",
        environment: Mapping[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
        timeout: cdk.Duration,
        memory_size: int = 256,
    ) -> None:
        """`folder` is below lambda_src/; `handler` is a function in `module` of it.

        Modules of the folder import each other as `from .other import ...`, and those of
        lambda_src/shared/ as `from lambda_src.shared.<module> import ...`.
        """
        logs = log_group(scope, f"{construct_id}Logs", settings)
        role = iam.Role(scope, f"{construct_id}Role", assumed_by=LAMBDA)
        logs.grant_write(role)
        acknowledge_inline_policy(role)
        super().__init__(
            scope,
            construct_id,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            code=package(folder),
            handler=f"lambda_src.{folder}.{module}.{handler}",
            environment=dict(environment or {}),
            layers=list(layers),
            timeout=timeout,
            memory_size=memory_size,
            role=role,
            log_group=logs,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        acknowledge_shared_network_and_concurrency(self)


def package(folder: str) -> lambda_.AssetCode:
    """Return the folder of lambda_src/ and lambda_src/shared/ as the code of a function."""
    # The project without the rest, so that modules have the same names as everywhere else.
    return lambda_.Code.from_asset(
        str(LAMBDA_SRC.parent),
        exclude=[
            "/*",
            "!/lambda_src",
            "/lambda_src/*",
            *(f"!/lambda_src/{each}" for each in (folder, SHARED)),
            "__pycache__",
        ],
        ignore_mode=cdk.IgnoreMode.GIT,
    )


def acknowledge_shared_network_and_concurrency(construct: Construct) -> None:
    """Acknowledge that functions in the construct have no VPC and no reserved concurrency."""
    acknowledge(
        construct,
        "NIST.800.53.R5-LambdaInsideVPC",
        reason="It calls AWS only, over TLS and with its role. A VPC would need NAT or an "
        "interface endpoint for each service, billed by the hour, and add no protection.",
    )
    acknowledge(
        construct,
        "NIST.800.53.R5-LambdaConcurrency",
        reason="Its callers limit it: the Map by workflow.max_concurrency, CloudFormation and a "
        "schedule to one call at a time. A reservation would be taken from the account's other "
        "functions, and a new account cannot reserve any.",
    )
