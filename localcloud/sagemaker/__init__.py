"""SageMaker for the local cloud: training, transform jobs, models, endpoints, captures, scaling.

Where things are:
- `operations.py` lists the operations of the control plane; each is one function of the module of
  its resource (`training_jobs.py`, `transform_jobs.py`, `models.py`, `endpoint_configs.py`,
  `endpoints.py`, `tags.py`).
- `sdk_task.py` is these operations as tasks of Step Functions.
- `runtime.py` serves InvokeEndpoint, `resources.py` the CloudFormation types.
- `scaling.py` and `scaling_resources.py` are Application Auto Scaling, for endpoints only.
- `contract.py` holds every request and response to botocore's model of the API.
- `training.py` runs a training job, `transform.py` a transform job; `fleet.py` and
  `model_server.py` serve an endpoint, and `capture.py` records what it was asked; `images.py` says
  which image URI stands for which local algorithm.
"""

from localcloud.emulator import add_resource_types, add_service, add_task
from localcloud.sagemaker import (
    handler,
    resources,
    scaling_resources,
    sdk_task,
    transform_jobs,
)


def install() -> None:
    """Add SageMaker to the emulator of this process; call it before the first request.

    Raises:
        localcloud.emulator.PrivateNameError: the installed emulator cannot be extended.
    """
    for service in ("sagemaker", "application-autoscaling"):
        add_service(service, handler.handle)
    add_resource_types(resources.RESOURCE_TYPES | scaling_resources.RESOURCE_TYPES)
    add_task("arn:aws:states:::sagemaker:createTransformJob", transform_jobs.run_as_task)
    add_task(sdk_task.RESOURCE, sdk_task.run)
