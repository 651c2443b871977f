"""The states that wait for a transform job whose starting state timed out or failed.

A state that times out is not documented to stop its job, and the response of CreateTransformJob may
be lost. In both cases these states find the job by its name, stop it if it is overdue, and wait for
it: only once it has ended are its results complete and its costs final.
"""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.common.state_machine import retry_any_error

# Time for a job to end once it is stopped.
STOP_MINUTES = 30

# Each poll adds nine events to a history of at most 25,000.
POLL_SECONDS = 30
MOST_POLLS = 1000


def follow_job(
    scope: Construct, *, max_runtime_minutes: int, jobs_arn: str, ended: sfn.IChainable
) -> sfn.IChainable:
    """Return the first state, for the variables `run` and those of `expressions.caught`.

    The states lead to `ended`, or to a failure with the caught error if there is no job.
    """
    describe = _call(
        scope,
        "Describe job",
        action="describeTransformJob",
        jobs_arn=jobs_arn,
        outputs=expressions.described(max_runtime_minutes),
        assign=expressions.SEEN,
    )
    stop = _call(scope, "Stop job", action="stopTransformJob", jobs_arn=jobs_arn)
    wait = sfn.Wait.jsonata(
        scope, "Wait for the job", time=sfn.WaitTime.duration(_poll_interval(max_runtime_minutes))
    )
    # The job may have ended just before, which the next poll shows.
    stop.add_catch(wait, errors=["States.ALL"])
    no_job = sfn.Fail.jsonata(
        scope, "No job", error=expressions.ERROR_OF_STATE, cause=expressions.CAUSE_OF_STATE
    )
    describe.add_catch(
        sfn.Choice.jsonata(scope, "Is there a job?")
        .when(sfn.Condition.jsonata(expressions.IS_THERE), wait)
        .otherwise(no_job),
        errors=["States.ALL"],
    )
    describe.next(
        sfn.Choice.jsonata(scope, "Has the job ended?")
        .when(sfn.Condition.jsonata(expressions.HAS_ENDED), ended)
        .when(sfn.Condition.jsonata(expressions.IS_OVERDUE), stop.next(wait))
        .otherwise(wait)
    )
    wait.next(describe)
    return describe


def _call(
    scope: Construct,
    name: str,
    *,
    action: str,
    jobs_arn: str,
    outputs: str | None = None,
    assign: dict[str, str] | None = None,
) -> tasks.CallAwsService:
    state = tasks.CallAwsService.jsonata(
        scope,
        name,
        service="sagemaker",
        action=action,
        parameters={"TransformJobName": expressions.OF_RUN},
        iam_action=f"sagemaker:{action[0].upper()}{action[1:]}",
        iam_resources=[jobs_arn],
        outputs=outputs,
        assign=assign,
    )
    retry_any_error(state)
    return state


def _poll_interval(max_runtime_minutes: int) -> cdk.Duration:
    return cdk.Duration.seconds(max(POLL_SECONDS, max_runtime_minutes * 60 // MOST_POLLS))
