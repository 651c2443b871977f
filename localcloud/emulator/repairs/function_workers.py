"""A function that is deleted with its stack ends its worker processes; ministack leaves them."""

from collections.abc import Callable
from functools import wraps

from localcloud.emulator.extension import Properties, current_account, current_region
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"
INVALIDATE = "ministack.services.lambda_svc:invalidate_worker"


def repair() -> None:
    """End the workers whenever CloudFormation deletes a function."""
    function = private(HANDLERS)["AWS::Lambda::Function"]
    delete: Callable[[str, Properties], None] = function["delete"]
    invalidate: Callable[..., None] = private(INVALIDATE)

    @wraps(delete)
    def delete_with_workers(name: str, properties: Properties) -> None:
        delete(name, properties)
        invalidate(name, account=current_account(), region=current_region())

    function["delete"] = delete_with_workers
