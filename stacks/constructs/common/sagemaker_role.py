"""The role that SageMaker assumes to run the algorithm's container."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.common.acknowledge import acknowledge_inline_policy
from stacks.constructs.common.algorithm_image import AlgorithmImage
from stacks.constructs.common.grants import allow, allow_metrics, arn


class SageMakerRole(iam.Role):
    """Pulls the algorithm's image and writes logs and metrics; its users grant S3.

    The actions are those of "SageMaker roles":
    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        image: AlgorithmImage,
        log_group_names: Sequence[str],
    ) -> None:
        """`log_group_names` are SageMaker's, such as /aws/sagemaker/TrainingJobs."""
        super().__init__(
            scope, construct_id, assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")
        )
        acknowledge_inline_policy(self)
        image.grant_pull(self)
        for name in log_group_names:
            self._allow_logs(name)
        # SageMaker names the namespace of instance metrics after the log group.
        instances = ("/".join(name.split("/")[:4]) for name in log_group_names)
        allow_metrics(self, ["AWS/SageMaker", *dict.fromkeys(instances)])

    def _allow_logs(self, log_group_name: str) -> None:
        log_group_arn = arn(self, "logs", f"log-group:{log_group_name}")
        # The reference has these actions on the group; denials of AWS name a stream without a name.
        for group in (log_group_arn, f"{log_group_arn}:log-stream:"):
            allow(self, "logs:CreateLogGroup", "logs:DescribeLogStreams", on=group)
        allow(
            self,
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            on=f"{log_group_arn}:log-stream:*",
            why_wildcard="SageMaker chooses the names of the log streams.",
        )
