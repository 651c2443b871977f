"""SageMaker's operations as tasks of Step Functions, by its integration of the AWS SDK."""

from typing import Any, Final

from localcloud.emulator import TaskError, current_account, current_region, sdk_result
from localcloud.sagemaker import contract, operations
from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.store import Scope

RESOURCE: Final = "arn:aws:states:::aws-sdk:sagemaker:"


def run(resource: str, arguments: Any) -> Any:
    """Run the operation that `resource` ends in, such as `describeTransformJob`.

    Raises:
        TaskError: the operation is unknown or refused. The error is named as the SDK for Java
            does: SageMaker.ResourceNotFoundException, and SageMaker.SageMakerException for what
            the API's model does not name.
    """
    action = resource.removeprefix(RESOURCE)
    name = f"{action[:1].upper()}{action[1:]}"
    scope = Scope(account=current_account(), region=current_region())
    try:
        response = operations.call(scope, name, arguments)
    except ApiError as error:
        modelled = error.code.startswith("Resource")
        code = error.code if modelled else "SageMaker"
        raise TaskError(f"SageMaker.{code}Exception", error.message) from error
    return sdk_result(response, contract.operation_model(name).output_shape)
