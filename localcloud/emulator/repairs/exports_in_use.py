"""An export that another stack imports can be neither changed nor removed, as on AWS.

ministack only refuses to delete its stack. The messages are quoted in
https://github.com/linz/geostore/issues/630 and https://github.com/rlister/stax/issues/40.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

CLOUDFORMATION = "ministack.services.cloudformation"
OUTPUTS = f"{CLOUDFORMATION}.stacks:_resolve_stack_outputs"


def repair() -> None:
    """Fail an update whose outputs break an import; it is then rolled back."""
    resolve: Callable[..., tuple[list[Any], dict[str, Any]]] = private(OUTPUTS)
    stacks = private(f"{CLOUDFORMATION}:_stacks")
    exports = private(f"{CLOUDFORMATION}:_exports")
    imported: Callable[[Any, str], set[str]] = private(
        f"{CLOUDFORMATION}.handlers:_imported_export_names"
    )

    def importers(export: str) -> list[str]:
        return [
            name
            for name, stack in stacks.items()
            if not stack["StackStatus"].startswith("DELETE_") and export in imported(stack, name)
        ]

    @wraps(resolve)
    def resolve_unless_in_use(*arguments: Any) -> tuple[list[Any], dict[str, Any]]:
        outputs, new = resolve(*arguments)
        *_, stack_id = arguments
        for name, old in list(exports.items()):
            if old["StackId"] != stack_id or new.get(name, {}).get("Value") == old["Value"]:
                continue
            if users := importers(name):
                change = "updated" if name in new else "deleted"
                raise ValueError(
                    f"Export {name} cannot be {change} as it is in use by {' and '.join(users)}"
                )
        return outputs, new

    replace(OUTPUTS, resolve_unless_in_use)
