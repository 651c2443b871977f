"""Read a function's environment variables into one typed object."""

import os
from dataclasses import dataclass, fields
from typing import Any, Self, get_type_hints

from . import class_names

_PARSERS: dict[Any, Any] = {
    str: str,
    int: int,
    float: float,
    tuple[str, ...]: class_names.decode,
}


@dataclass(frozen=True)
class EnvironmentVariables:
    """Base of each handler's `Environment`: its field `data_bucket` is the variable DATA_BUCKET."""

    @classmethod
    def read(cls) -> Self:
        """Read the variables that the stack sets; no other code reads them."""
        types = get_type_hints(cls)
        return cls(
            **{
                field.name: _PARSERS[types[field.name]](os.environ[field.name.upper()])
                for field in fields(cls)
            }
        )
