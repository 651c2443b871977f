"""State machines: JSONata, traced, logged without the data they carry; the states they share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import (
    acknowledge,
    acknowledge_inline_policy,
    acknowledge_wildcard,
)
from stacks.constructs.common.conventions import log_group

LOG_GROUP_PREFIX = "/aws/vendedlogs/states"

THROTTLED = "Lambda.TooManyRequestsException"

# Faults of Lambda, not of the function's input.
LAMBDA_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    THROTTLED,
]

# The function timed out, or its process died. A retry may succeed, but costs as much and takes as
# long as the function's timeout, so there are few.
CRASHES = ["Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout"]
AFTER_CRASH = cdk.Duration.seconds(2)

INPUT = sfn.TaskInput.from_text("{% $states.input %}")


class JsonataStateMachine(sfn.StateMachine):
    """State machine with its own log group."""

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
            reason="Actions of X-Ray and of CloudWatch's log delivery that take no resources.",
        )

    def _name_below_vendedlogs(self, logs: aws_logs.LogGroup) -> None:
        # Step Functions adds a group of any other name to one resource policy of the account, which
        # takes 5,120 characters and keeps deleted groups:
        # https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-cwl
        # The name ends in the role's, which CloudFormation generates for every new state machine:
        # it never collides with a retained group.
        resource = logs.node.default_child
        assert isinstance(resource, aws_logs.CfnLogGroup)
        resource.log_group_name = (
            f"{LOG_GROUP_PREFIX}/{cdk.Stack.of(self).stack_name}/{self.role.role_name}"
        )


def start_by_event(
    state_machine: sfn.IStateMachine,
    scope: Construct,
    construct_id: str,
    *,
    source: str,
    detail_type: str,
    detail: Mapping[str, object],
) -> events.Rule:
    """Return a rule that starts an execution with the detail of each event of the pattern."""
    rule = events.Rule(
        scope,
        construct_id,
        event_pattern=events.EventPattern(
            source=[source], detail_type=[detail_type], detail=dict(detail)
        ),
    )
    of_detail = events.RuleTargetInput.from_event_path("$.detail")
    rule.add_target(targets.SfnStateMachine(state_machine, input=of_detail))
    return rule


def call_api(
    scope: Construct,
    name: str,
    action: str,
    parameters: Mapping[str, str],
    *,
    on: str,
    outputs: str | None = None,
    assign: Mapping[str, str] | None = None,
) -> tasks.CallAwsService:
    """Return a state that calls an API `action`, as IAM names it, and retries any error."""
    service, _, operation = action.partition(":")
    state = tasks.CallAwsService.jsonata(
        scope,
        name,
        service=service,
        action=f"{operation[0].lower()}{operation[1:]}",
        parameters=parameters,
        iam_action=action,
        iam_resources=[on],
        outputs=outputs,
        assign=assign,
    )
    retry_any_error(state)
    return state


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


@dataclass(frozen=True, kw_only=True)
class PicturePath:
    """A path of pictures to the model: a state machine and the functions that only it calls."""

    title: str
    """As in headings."""
    state_machine: sfn.IStateMachine
    functions: Mapping[str, lambda_.IFunction]
    tolerant: frozenset[str] = frozenset()
    """Functions of which a few errors are normal: bad pictures, or a busy endpoint."""
    not_watched: frozenset[str] = frozenset()
    """Functions of which most errors are intended."""
    less_at_a_time: str
    """How to make fewer calls at a time."""


class LambdaTask(tasks.LambdaInvoke):
    """Calls the function with the state's input; retries with backoff and full jitter."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.IFunction,
        outputs: str = "{% $states.result.Payload %}",
        errors: Sequence[str] = LAMBDA_ERRORS,
        interval: cdk.Duration,
        max_attempts: int,
        backoff_rate: float = 2,
        max_delay: cdk.Duration | None = None,
        other_attempts: int = 2,
    ) -> None:
        """`outputs` is JSONata; `interval` to `max_delay` define the retries of `errors`.

        Crashes, and LAMBDA_ERRORS that are not in `errors`, are retried `other_attempts` times.
        """
        super().__init__(
            scope,
            construct_id,
            query_language=sfn.QueryLanguage.JSONATA,
            lambda_function=function,
            payload=INPUT,
            outputs=outputs,
            retry_on_service_exceptions=False,  # in LAMBDA_ERRORS, with jitter
        )
        self.add_retry(
            errors=list(errors),
            interval=interval,
            max_attempts=max_attempts,
            backoff_rate=backoff_rate,
            max_delay=max_delay,
            jitter_strategy=sfn.JitterType.FULL,
        )
        self.add_retry(
            errors=[error for error in (*LAMBDA_ERRORS, *CRASHES) if error not in errors],
            interval=AFTER_CRASH,
            max_attempts=other_attempts,
            backoff_rate=2,
            jitter_strategy=sfn.JitterType.FULL,
        )


def acknowledge_calls(
    state_machine: sfn.IStateMachine, functions: Iterable[lambda_.IFunction]
) -> None:
    """Acknowledge the grants of a state machine that calls these, and that they have no DLQ."""
    for function in functions:
        acknowledge_wildcard(
            state_machine,
            f"{function.function_arn}:*",
            reason="CDK grants the versions of a function with it; ours have one.",
        )
        acknowledge(
            function,
            "NIST.800.53.R5-LambdaDLQ",
            reason="The state machine waits for it and retries; a dead-letter queue is for "
            "asynchronous calls.",
        )
