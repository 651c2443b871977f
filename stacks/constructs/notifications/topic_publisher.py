"""Messages to the topic from state machines, in the topic's own stack or in another."""

from typing import Self

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from stacks.constructs.common.state_machine import retry_any_error
from stacks.constructs.common.storage import allow_publishing
from stacks.constructs.notifications.messages import Message, shorter_for_phones


class TopicPublisher:
    """Sends messages the way the topic and its subscribers take them."""

    def __init__(self, topic: sns.ITopic, settings: Settings, key: kms.IKey | None) -> None:
        """`key` is the customer-managed key of the topic, if it has one."""
        self._topic = topic
        self._key = key
        self._is_fifo = settings.notifications.topic == "fifo"
        self._tells_phones = bool(settings.notifications.sms)

    @classmethod
    def of_other_stack(cls, scope: Construct, settings: Settings, key: kms.IKey | None) -> Self:
        """Find the topic by the SSM parameter that its stack publishes.

        Not by an export: another kind of topic is another topic, and CloudFormation refuses to
        change an export that another stack imports.
        """
        arn = ssm.StringParameter.value_for_string_parameter(scope, settings.topic_parameter)
        topic = sns.Topic.from_topic_arn(scope, "Notifications", arn)
        return cls(topic, settings, key)

    def publish(self, scope: Construct, construct_id: str, message: Message) -> tasks.SnsPublish:
        """Return a state that sends the message, retries if SNS fails, and passes its input on.

        A FIFO topic takes what the message is about as its group, and accepts one message about it
        in five minutes. Phones get the beginning of the text.
        """
        text = shorter_for_phones(message.text) if self._tells_phones else message.text
        # Hashed: SNS takes at most 128 ASCII characters, and an ARN is longer. "" & makes nothing
        # a text.
        group = f'{{% $hash("" & {message.about}, "SHA-256") %}}' if self._is_fifo else None
        state = tasks.SnsPublish.jsonata(
            scope,
            construct_id,
            topic=self._topic,
            subject=message.subject,
            message=sfn.TaskInput.from_text(text),
            message_per_subscription_type=self._tells_phones or None,
            message_group_id=group,
            message_deduplication_id=group,
            outputs="{% $states.input %}",
        )
        retry_any_error(state)
        return state

    def allow_key(self, publisher: iam.IGrantable) -> None:
        """Allow a publisher to use the topic's key; the state grants it the topic only."""
        allow_publishing(publisher, self._key)
