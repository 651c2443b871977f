"""Notifications: the topic, its messages, and the state machines and events that send them."""

from stacks.constructs.notifications.event_notice import (
    EventNotice,
    notice_of_alarm,
    notice_of_dead_execution,
)
from stacks.constructs.notifications.messages import IN_HISTORY, IN_OUTPUT, NOTIFIED_ERROR
from stacks.constructs.notifications.reporting_state_machine import ReportingStateMachine
from stacks.constructs.notifications.topic import NotificationTopic, TopicPublisher

__all__ = [
    "IN_HISTORY",
    "IN_OUTPUT",
    "NOTIFIED_ERROR",
    "EventNotice",
    "NotificationTopic",
    "ReportingStateMachine",
    "TopicPublisher",
    "notice_of_alarm",
    "notice_of_dead_execution",
]
