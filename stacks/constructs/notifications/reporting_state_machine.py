"""A state machine that classifies pictures and reports those that were not accepted."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.jsonata import PROBLEM
from stacks.constructs.common.python_function import PythonFunction
from stacks.constructs.common.state_machine import JsonataStateMachine, acknowledge_calls
from stacks.constructs.notifications.messages import (
    ALL_ACCEPTED,
    MESSAGE_FOR_CAUSE,
    NOTIFIED_ERROR,
    of_results,
)
from stacks.constructs.notifications.topic import TopicPublisher


class ReportingStateMachine(Construct):
    """Base of the state machines that classify pictures."""

    functions: Mapping[str, PythonFunction]
    """The functions that only this state machine calls."""
    state_machine: JsonataStateMachine

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, publisher: TopicPublisher
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._publisher = publisher

    def _create(self, definition: sfn.IChainable, *, timeout: cdk.Duration) -> None:
        """Create the state machine, which calls `functions`."""
        self.state_machine = JsonataStateMachine(
            self, "StateMachine", settings=self._settings, definition=definition, timeout=timeout
        )
        self._publisher.allow_key(self.state_machine)
        acknowledge_calls(self.state_machine, self.functions.values())

    def _invalid_input(self) -> sfn.Fail:
        """Return the end of an execution whose input has a `problem`."""
        return sfn.Fail.jsonata(self, "Invalid input", error="InvalidInput", cause=PROBLEM)

    def _report(self, where: str) -> sfn.Choice:
        """Return the last states: a message unless all are accepted, then `on_rejection`.

        They take `counts` and `results` as `picture_results.RESULTS` makes them; `where` is for
        `messages.of_results`.
        """
        done = sfn.Succeed.jsonata(self, "Done")
        message = of_results(self._settings.environment, where)
        notify = self._publisher.publish(self, "Notify", message)
        if self._settings.workflow.on_rejection == "fail":
            end: sfn.IChainable = sfn.Fail.jsonata(
                self, "Images rejected", error=NOTIFIED_ERROR, cause=MESSAGE_FOR_CAUSE
            )
        else:
            end = done
        return (
            sfn.Choice.jsonata(self, "All accepted?")
            .when(sfn.Condition.jsonata(ALL_ACCEPTED), done)
            .otherwise(notify.next(end))
        )
