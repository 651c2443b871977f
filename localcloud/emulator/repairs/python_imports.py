"""Runs inside a Python Lambda worker: does something when a module is imported, if it ever is.

The source of this module is put in front of ministack's worker script, so it imports nothing of
this project.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def when_imported(name: str, do: Callable[[], object]) -> None:
    """Call `do` right after the module `name` has run, before whoever imports it goes on."""
    sys.meta_path.insert(0, _Watch(name, do))


class _Watch(MetaPathFinder):
    def __init__(self, name: str, do: Callable[[], object]) -> None:
        self._name = name
        self._do = do

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002 - the same
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            # This one loader's, not its class's: mypy knows methods as the class's only.
            spec.loader.exec_module = self._then_do(spec.loader)  # type: ignore[assignment,method-assign]
        return spec

    def _then_do(self, loader: Loader) -> Callable[[ModuleType], None]:
        run = loader.exec_module

        def run_and_do(module: ModuleType) -> None:
            run(module)
            self._do()

        return run_and_do
