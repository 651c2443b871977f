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
from stacks.constructs.common.encryption_key import allow_publishing
from stacks.constructs.common.jsonata_state_machine import retry_any_error
from stacks.constructs.workflow.workflow_expressions import shorter_for_phones


class TopicPublisher:
    """Words a message as the topic and its subscribers take it."""

    def __init__(
        self, topic: sns.ITopic, *, settings: Settings, encryption_key: kms.IKey | None
    ) -> None:
        """`settings` are those that the topic was made with."""
        self._topic = topic
        self._encryption_key = encryption_key
        self._is_fifo = settings.notifications.topic == "fifo"
        self._tells_phones = bool(settings.notifications.sms)

    @classmethod
    def of_other_stack(
        cls, scope: Construct, *, settings: Settings, encryption_key: kms.IKey | None
    ) -> Self:
        """Finds the topic by the SSM parameter that its stack publishes.

        Not by an export: another kind of topic is another topic, and CloudFormation refuses to
        change an export that another stack imports.
        """
        arn = ssm.StringParameter.value_for_string_parameter(scope, settings.topic_parameter)
        topic = sns.Topic.from_topic_arn(scope, "Notifications", arn)
        return cls(topic, settings=settings, encryption_key=encryption_key)

    def publish(
        self, scope: Construct, construct_id: str, *, subject: str, message: str, about: str
    ) -> tasks.SnsPublish:
        """A state that sends one message, tries again if SNS fails, and passes its input on.

        `subject` and `message` are JSONata with its `{% %}`; `about` is JSONata without them, for
        a string that says what the message is about. A FIFO topic takes that as the message's
        group, and takes one message about it in five minutes. Phones get the beginning of it.
        """
        if self._tells_phones:
            message = shorter_for_phones(message)
        # Hashed: SNS takes at most 128 ASCII characters, an ARN is longer. "" makes nothing a text.
        about = f'{{% $hash("" & {about}, "SHA-256") %}}' if self._is_fifo else ""
        state = tasks.SnsPublish.jsonata(
            scope,
            construct_id,
            topic=self._topic,
            subject=subject,
            message=sfn.TaskInput.from_text(message),
            message_per_subscription_type=self._tells_phones or None,
            message_group_id=about or None,
            message_deduplication_id=about or None,
            outputs="{% $states.input %}",
        )
        retry_any_error(state)
        return state

    def allow_key(self, publisher: iam.IGrantable) -> None:
        """Lets who publishes use the account's own key; the state grants it the topic only."""
        allow_publishing(publisher, self._encryption_key)
