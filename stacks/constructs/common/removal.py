"""What the one removal switch of the settings means."""

import aws_cdk as cdk

from settings import Settings


def removal_policy(settings: Settings) -> cdk.RemovalPolicy:
    """Policy for everything that holds data: gone with its stack, or outliving it."""
    if settings.retention.removal == "destroy":
        return cdk.RemovalPolicy.DESTROY
    return cdk.RemovalPolicy.RETAIN
