"""A state machine as all of ours are: JSONata, traced, logged without the data it carries."""

import aws_cdk as cdk
from aws_cdk import aws_logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge_inline_policy, acknowledge_wildcard
from stacks.constructs.common.log_group import log_group

LOG_GROUP_PREFIX = "/aws/vendedlogs/states"


class JsonataStateMachine(sfn.StateMachine):
    """State machine with a log group of its own beside it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        definition: sfn.IChainable,
        timeout: cdk.Duration,
    ) -> None:
        logs = log_group(scope, f"{construct_id}Logs", settings)
        super().__init__(
            scope,
            construct_id,
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs,
                level=sfn.LogLevel.ALL,
                include_execution_data=False,  # it would log every picture
            ),
        )
        self._name_below_vendedlogs(logs)
        self.log_group = logs
        acknowledge_inline_policy(self)
        acknowledge_wildcard(
            self,
            "*",
            reason="Actions of X-Ray and of CloudWatch's log delivery that know no resources.",
        )

    def _name_below_vendedlogs(self, logs: aws_logs.LogGroup) -> None:
        # Step Functions adds a group of any other name to one resource policy of the account, which
        # takes 5,120 characters and keeps the groups that are gone:
        # https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-cwl
        # The end of the name is the role's, which CloudFormation generates anew for every state
        # machine it creates: it never meets a group that an earlier one left behind.
        resource = logs.node.default_child
        assert isinstance(resource, aws_logs.CfnLogGroup)
        resource.log_group_name = (
            f"{LOG_GROUP_PREFIX}/{cdk.Stack.of(self).stack_name}/{self.role.role_name}"
        )


def retry_any_error(task: sfn.TaskStateBase) -> None:
    """Retry a task that may run any number of times, with backoff and full jitter.

    On any error, because Step Functions does not document the names of those that pass.
    """
    task.add_retry(
        errors=["States.ALL"],
        interval=cdk.Duration.seconds(2),
        max_attempts=5,
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )
