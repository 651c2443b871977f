"""SageMaker for the local cloud: training, transform jobs, models, endpoints, captures, scaling.

contract.py        requests, responses and errors as botocore's models of the APIs have them
records.py         resources by account, region and name; their Describe and List operations
operations.py      all operations of the control planes, also as tasks of Step Functions
handler.py         the HTTP side; runtime.py serves InvokeEndpoint
resources.py       the CloudFormation types
models.py          models, and the local algorithm of an image
training_jobs.py, transform_jobs.py   with jobs.py, the life of a job
endpoint_configs.py, endpoints.py     with fleet.py and model_server.py, the serving processes
capture.py         data capture of endpoints
scaling.py         Application Auto Scaling, for endpoints only
"""

from localcloud.emulator.extension import add_resource_types, add_service, add_task
from localcloud.sagemaker import handler, operations, resources


def install() -> None:
    """Add SageMaker to the emulator of this process; call it before the first request."""
    for service in ("sagemaker", "application-autoscaling"):
        add_service(service, handler.handle)
    add_resource_types(resources.RESOURCE_TYPES)
    add_task(operations.TRANSFORM_TASK, operations.run_transform_task)
    add_task(operations.SDK_TASK, operations.run_sdk_task)
