"""The SNS topic and its subscribers."""

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

    With a customer-managed key, any alarm of the account may publish to a standard topic. Alarms
    cannot use the key alias/aws/sns, and have no message group for a FIFO topic.

    The owner of a queue outside these stacks adds the statement of docs/notifications.md to the
    queue's policy; CDK cannot.
    """

    def __init__(self, scope: Construct, settings: Settings, key: kms.IKey | None) -> None:
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
