"""Every check, in the order in which they run, and what is not checked."""

from collections.abc import Mapping

from localcloud.demo.acceptance.batch_checks import (
    bulk_lines,
    drift_run,
    result_writer,
    transform_completes,
    transform_log,
    transform_output_names,
    transform_tags,
    transform_with_a_bad_picture,
)
from localcloud.demo.acceptance.check import Check
from localcloud.demo.acceptance.endpoint_checks import (
    PICTURE_CHECKS,
    UPDATE_CHECKS,
    created_with_scaling,
    tags,
)
from localcloud.demo.acceptance.metrics_checks import (
    METRICS_CHECKS,
    alarms_are_evaluated,
    dashboard_is_drawn,
    ratio_is_the_number_of_instances,
)
from localcloud.demo.acceptance.training_checks import (
    accuracy_at_the_endpoint,
    eighteen_layers_at_32,
    pretrained_at_224,
)
from localcloud.demo.acceptance.workflow_checks import (
    capture_encoding,
    capture_layout,
    log_fields,
    notice_in_a_queue,
    verdicts,
)

CHECKS: tuple[Check, ...] = (
    # What the executions are is captured, and compared by the drift detector, before anything
    # else calls the endpoint.
    verdicts,
    notice_in_a_queue,
    accuracy_at_the_endpoint,
    capture_layout,
    capture_encoding,
    drift_run,
    *PICTURE_CHECKS,
    log_fields,
    created_with_scaling,
    tags,
    bulk_lines,
    result_writer,
    *UPDATE_CHECKS,
    # These wait for what has been under way in the meantime.
    transform_completes,
    transform_output_names,
    transform_with_a_bad_picture,
    transform_log,
    transform_tags,
    pretrained_at_224,
    eighteen_layers_at_32,
    *METRICS_CHECKS,
    ratio_is_the_number_of_instances,
    alarms_are_evaluated,
    dashboard_is_drawn,
)

NOT_TRIED: Mapping[str, str] = {
    "Spot instances, checkpoints, an initial model": "not in settings/acceptance.toml",
    "A customer-managed key, and who may use it": "not in settings/acceptance.toml",
    "Scaling under load; an update that an alarm rolls back": "costs hours, or a broken model",
    "A changed tag replaces model and configuration": "would take another update of the endpoint",
    "A stack that is deleted while it is created, during the training": "ends the run",
    "An execution that times out, a job that is stopped": "would have to run for hours",
    "A Map's child above 256 KiB, or pending; several result files": "need 100,000 pictures",
    "FIFO topics, e-mail, SMS, https": "a queue stands for them, or they need a person",
    "Names of the errors of a task that IAM denies": "needs a role without its rights",
    "CMYK by OpenCV's formula; how the container resizes": "there is no exact answer to expect",
    "Outputs of a transform job whose manifest has a longer prefix": "ours has none",
    "A state machine that stops its transform job": "needs a job that takes too long",
    "China and GovCloud": "another partition",
}
"""What docs/fidelity.md leaves open beyond the checks, and why this run does not try it."""
