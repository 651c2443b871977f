"""One message to the topic for each EventBridge event of a kind."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from settings import Settings
from stacks.constructs.common.jsonata_state_machine import JsonataStateMachine
from stacks.constructs.notifications.topic_publisher import TopicPublisher

TIMEOUT = cdk.Duration.minutes(5)


class EventNotice(Construct):
    """A rule, and a state machine of one state that words the message and sends it.

    Not the topic as the rule's target: EventBridge has no right to the key alias/aws/sns, publishes
    to no FIFO topic from a rule, and cannot word a subject.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        publisher: TopicPublisher,
        source: str,
        detail_type: str,
        detail: Mapping[str, object],
        subject: str,
        message: str,
        about: str,
    ) -> None:
        """`detail` is the event pattern; of `subject`, `message` and `about` it is the input.

        The latter three are JSONata, as `TopicPublisher.publish` takes them.
        """
        super().__init__(scope, construct_id)
        tell = publisher.publish(self, "Tell", subject=subject, message=message, about=about)
        self.state_machine = JsonataStateMachine(
            self,
            "StateMachine",
            settings=settings,
            definition=tell,
            timeout=TIMEOUT,
        )
        publisher.allow_key(self.state_machine)
        self.rule = events.Rule(
            self,
            "Rule",
            event_pattern=events.EventPattern(
                source=[source], detail_type=[detail_type], detail=dict(detail)
            ),
        )
        self.rule.add_target(
            targets.SfnStateMachine(
                self.state_machine, input=events.RuleTargetInput.from_event_path("$.detail")
            )
        )
