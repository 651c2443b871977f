"""Repairs what the pinned ministack does differently from AWS; one module a subject."""

from localcloud.emulator.repairs import (
    alarm_events,
    alarms,
    buckets,
    distributed_map,
    executions,
    item_readers,
    jsonata,
    stack_deletion,
    stack_resources,
)


def repair() -> None:
    """Apply every repair; once, before the emulator serves."""
    alarms.repair()
    alarm_events.repair()
    buckets.repair()
    item_readers.repair()
    jsonata.repair()
    distributed_map.repair()
    executions.repair()  # after distributed_map, whose children keep no history
    stack_deletion.repair()
    stack_resources.repair()
