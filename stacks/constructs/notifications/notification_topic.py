"""The SNS topic with the subscribers that the settings name."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from settings import Settings
from settings.notifications import Notifications


class NotificationTopic(sns.Topic):
    """Encrypted, over TLS only, standard or FIFO.

    With a key of the account's own, alarms of the account may send to a standard topic, too: the
    key alias/aws/sns they may not use, and for a FIFO topic they have no message group.

    The policy of a queue is its owner's: CDK cannot add to that of a queue outside of our stacks
    (docs/notifications.md has the statement that it needs).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        encryption_key: kms.IKey | None,
    ) -> None:
        notifications = settings.notifications
        super().__init__(
            scope,
            construct_id,
            display_name=f"Scones {settings.environment}",
            enforce_ssl=True,
            # CDK then generates a physical name, with the suffix that SNS asks for.
            fifo=True if notifications.topic == "fifo" else None,
            master_key=encryption_key
            or kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns"),
        )
        if encryption_key and not self.fifo:
            self._take_messages_of_alarms()
        for subscription in self._subscriptions(notifications):
            self.add_subscription(subscription)

    def _take_messages_of_alarms(self) -> None:
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
