"""The SNS topic with its subscribers, and how state machines publish to it."""

from collections.abc import Iterator
from typing import Self

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from settings import Settings
from settings.notifications import Notifications
from stacks.constructs.common.conventions import published
from stacks.constructs.common.state_machine import retry_any_error
from stacks.constructs.common.storage import allow_publishing
from stacks.constructs.notifications.messages import Message, shorter_for_phones


class NotificationTopic(sns.Topic):
    """Encrypted, over TLS only, standard or FIFO.

    With a customer-managed key, any alarm of the account may publish to a standard topic. Alarms
    cannot use the key alias/aws/sns, and have no message group for a FIFO topic.

    The owner of a queue outside these stacks adds the statement of docs/notifications.md to the
    queue's policy; CDK cannot.
    """

    def __init__(self, scope: Construct, *, settings: Settings, key: kms.IKey | None) -> None:
        notifications = settings.notifications
        super().__init__(
            scope,
            "Notifications",
            display_name=f"Scones {settings.environment}",
            enforce_ssl=True,
            # CDK then generates a physical name with the suffix that SNS requires.
            fifo=True if notifications.topic == "fifo" else None,
            master_key=key or kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns"),
        )
        if key and not self.fifo:
            self._allow_alarms()
        for subscription in self._subscriptions(notifications):
            self.add_subscription(subscription)

    def _allow_alarms(self) -> None:
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )

    def _subscriptions(self, notifications: Notifications) -> Iterator[sns.ITopicSubscription]:
        yield from map(subscriptions.EmailSubscription, notifications.emails)
        yield from map(subscriptions.SmsSubscription, notifications.sms)
        yield from map(subscriptions.UrlSubscription, notifications.https)
        for arn in notifications.sqs:
            yield subscriptions.SqsSubscription(sqs.Queue.from_queue_arn(self, arn, arn))


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
        """Find the topic by the parameter of its stack; another kind of topic is another topic."""
        arn = published(scope, settings.topic_parameter)
        return cls(sns.Topic.from_topic_arn(scope, "Notifications", arn), settings, key)

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
