"""What the pinned ministack does differently from AWS, repaired: one module per difference."""

from localcloud.emulator.repairs import (
    alarm_evaluation,
    alarm_events,
    alarm_math,
    bucket_not_empty,
    bucket_tags,
    csv_headers,
    custom_resource_call,
    delete_during_creation,
    delete_during_update,
    deleted_function_logs,
    distributed_map,
    execution_start,
    exports_in_use,
    generated_names,
    json_lines,
    jsonata_parsing,
    jsonata_text,
    map_history,
    map_items,
    state_size,
    stopped_execution,
    version_listings,
)


def repair() -> None:
    """Apply every repair; once, before the emulator serves.

    Raises:
        PrivateNameError: the installed ministack is not the one the repairs were written for.
    """
    alarm_evaluation.repair()
    alarm_events.repair()
    alarm_math.repair()
    bucket_not_empty.repair()
    bucket_tags.repair()
    csv_headers.repair()
    custom_resource_call.repair()
    delete_during_creation.repair()
    delete_during_update.repair()
    deleted_function_logs.repair()
    distributed_map.repair()
    execution_start.repair()
    exports_in_use.repair()
    json_lines.repair()
    jsonata_parsing.repair()
    jsonata_text.repair()
    generated_names.repair()
    map_history.repair()
    map_items.repair()
    state_size.repair()
    stopped_execution.repair()
    version_listings.repair()
