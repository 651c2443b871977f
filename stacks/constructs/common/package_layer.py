"""The Lambda layer of the packages that functions import beyond boto3."""

import sys
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.common.python_function import ARCHITECTURE, RUNTIME

FOLDER = Path(sys.prefix) / "lambda-layer"
"""`make setup` unzips the wheels of requirements/lambda.txt here."""


class LayerMissingError(FileNotFoundError):
    """The packages of the layer are not there."""


class PackageLayer(lambda_.LayerVersion):
    """A version of the layer; other packages replace it.

    Lambda keeps a deleted version for the functions that still use it:
    https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        if not FOLDER.is_dir():
            raise LayerMissingError(
                f"{FOLDER}: the packages of the Lambda layer are missing; run: make setup"
            )
        super().__init__(
            scope,
            construct_id,
            code=lambda_.Code.from_asset(str(FOLDER)),
            description="packages of requirements/lambda.txt",
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )
