"""Every check, in the order in which they run."""

from localcloud.demo.acceptance import (
    batch_checks,
    endpoint_checks,
    metrics,
    metrics_checks,
    training_checks,
    workflow_checks,
)
from localcloud.demo.acceptance.check import Check

CHECKS: tuple[Check, ...] = (
    # The captures of the first execution are read, and compared by the drift detector, before
    # anything else calls the endpoint.
    workflow_checks.verdicts,
    workflow_checks.notice_in_a_queue,
    training_checks.accuracy_at_the_endpoint,
    workflow_checks.capture_layout,
    workflow_checks.capture_encoding,
    batch_checks.drift_run,
    endpoint_checks.undecodable_picture,
    endpoint_checks.undecodable_picture_in_the_workflow,
    endpoint_checks.orientation_is_ignored,
    endpoint_checks.transparency_is_dropped,
    endpoint_checks.upper_bits_are_used,
    metrics.log_fields,
    endpoint_checks.created_with_scaling,
    batch_checks.bulk_lines,
    batch_checks.result_writer,
    endpoint_checks.update_under_load,
    endpoint_checks.update_watched_by_alarms,
    # These wait for what has been under way in the meantime.
    batch_checks.transform_completes,
    batch_checks.transform_output_names,
    batch_checks.transform_with_a_bad_picture,
    batch_checks.transform_log,
    batch_checks.tags,
    training_checks.pretrained_at_224,
    training_checks.eighteen_layers_at_32,
    *metrics_checks.METRICS_CHECKS,
    metrics_checks.ratio_is_the_number_of_instances,
    metrics_checks.alarms_are_evaluated,
    metrics_checks.dashboard_is_drawn,
)
