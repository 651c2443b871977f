"""The container image of SageMaker's built-in image-classification algorithm.

Its registry account differs by region. `algorithm_registries.json` is the table of the SageMaker
SDK, which is too heavy to import at every synth; a test compares them.
"""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.common.grants import allow

REPOSITORY = "image-classification"
TAG = "1"
TABLE = Path(__file__).with_name("algorithm_registries.json")


class AlgorithmImage(Construct):
    """URI of the image in the region of the stack, and the grant to pull it."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Find the registry; raise ValueError in a region without the algorithm."""
        super().__init__(scope, construct_id)
        self._stack = cdk.Stack.of(self)
        registries: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))
        region = self._stack.region
        if not cdk.Token.is_unresolved(region) and region not in registries:
            raise ValueError(
                f"region {region!r} does not offer the built-in image-classification algorithm; "
                f"deploy to one of: {', '.join(registries)}"
            )
        # Lazy: a known region becomes its account at synth; otherwise CloudFormation looks it up.
        table = cdk.CfnMapping(
            self,
            "Registries",
            mapping={name: {"account": account} for name, account in registries.items()},
            lazy=True,
        )
        self._account = table.find_in_map(region, "account")
        domain = f"{self._account}.dkr.ecr.{region}.{self._stack.url_suffix}"
        self.uri = f"{domain}/{REPOSITORY}:{TAG}"

    def grant_pull(self, role: iam.Role) -> None:
        """Allow SageMaker to pull the image with this role."""
        repository = self._stack.format_arn(
            service="ecr", account=self._account, resource="repository", resource_name=REPOSITORY
        )
        allow(
            role,
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            on=repository,
        )
        allow(
            role,
            "ecr:GetAuthorizationToken",
            on="*",
            why_wildcard="ecr:GetAuthorizationToken knows no resources.",
        )
