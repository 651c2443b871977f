"""A state machine as all of ours are: JSONata, traced, logged without the data it carries."""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge_inline_policy, acknowledge_wildcard
from stacks.constructs.common.log_group import log_group


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
        self.log_group = logs
        acknowledge_inline_policy(self)
        acknowledge_wildcard(
            self,
            "*",
            reason="Actions of X-Ray and of CloudWatch's log delivery that know no resources.",
        )
