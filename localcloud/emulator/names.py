"""Access to the private names of ministack, checked the moment they are asked for.

ministack has no extension interface. Everything here is looked up once, while the emulator starts,
so a name that another version renamed stops the start with a message instead of a failing request.
"""

import pkgutil
import re
from collections.abc import Callable, MutableMapping
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path("requirements/local.txt")

Function = Callable[..., Any]


class PrivateNameError(RuntimeError):
    """The installed ministack lacks a private name that the local cloud depends on."""

    def __init__(self, name: str) -> None:
        """Report `name`, which is `<module>:<attribute>`."""
        super().__init__(
            f"ministack {version('ministack')} has no {name}, which the local cloud extends; "
            f"{REQUIREMENTS} pins ministack {pinned_version()}: "
            f"install that (pip install -r {REQUIREMENTS}) or adapt localcloud/emulator/"
        )


def pinned_version() -> str:
    """Return the version of ministack that the local cloud is tested with."""
    requirements = (ROOT / REQUIREMENTS).read_text(encoding="utf-8")
    pin = re.search(r"^ministack==(\S+)", requirements, re.MULTILINE)
    return pin[1] if pin else "none"


def private(name: str) -> Any:
    """Return the object, such as `ministack.app:SERVICE_HANDLERS`, or raise PrivateNameError."""
    try:
        return pkgutil.resolve_name(name)
    except (AttributeError, ImportError) as error:
        raise PrivateNameError(name) from error


def replace(name: str, replacement: object) -> None:
    """Put `replacement` in the place of the object called `name`."""
    private(name)
    path = name.replace(":", ".")
    owner, _, attribute = path.rpartition(".")
    setattr(pkgutil.resolve_name(owner), attribute, replacement)


def around(*names: str) -> Callable[[Function], None]:
    """Replace the functions of these names by the decorated one, which gets the original first."""

    def decorate(function: Function) -> None:
        for name in names:
            replace(name, _with_original(function, private(name)))

    return decorate


def around_item(functions: MutableMapping[str, Any], key: str) -> Callable[[Function], None]:
    """Replace a function in a mapping by the decorated one, which gets the original first."""

    def decorate(function: Function) -> None:
        functions[key] = _with_original(function, functions[key])

    return decorate


def _with_original(function: Function, original: Function) -> Function:
    @wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(original, *arguments, **options)

    return call
