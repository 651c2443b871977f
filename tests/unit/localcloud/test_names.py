import sys
import types
from importlib.metadata import version
from typing import Any

import pytest

from localcloud.emulator import names


def test_the_installed_emulator_is_the_pinned_one() -> None:
    assert version("ministack") == names.pinned_version()


def test_a_missing_name_is_named_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "version", lambda _: "9.9.9")

    with pytest.raises(names.PrivateNameError) as refusal:
        names.private("ministack.core.arn:_renamed")

    message = str(refusal.value)
    assert "ministack 9.9.9 has no ministack.core.arn:_renamed" in message
    assert f"pins ministack {names.pinned_version()}" in message
    assert "pip install -r requirements/local.txt" in message


def test_a_missing_module_is_a_missing_name() -> None:
    with pytest.raises(names.PrivateNameError, match=r"ministack\.gone:thing"):
        names.private("ministack.gone:thing")


def test_replace_reaches_functions_and_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("replaceable")
    module.__dict__.update(function=lambda: "old", Class=type("Class", (), {"method": None}))
    monkeypatch.setitem(sys.modules, "replaceable", module)

    names.replace("replaceable:function", "new function")
    names.replace("replaceable:Class.method", "new method")

    assert module.__dict__["function"] == "new function"
    assert module.__dict__["Class"].method == "new method"


def test_replace_refuses_a_name_that_is_not_there() -> None:
    with pytest.raises(names.PrivateNameError):
        names.replace("ministack.core.arn:_renamed", None)


def test_the_function_around_another_gets_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("replaceable")
    module.__dict__.update(Class=type("Class", (), {"method": lambda self, one: (one,)}))
    monkeypatch.setitem(sys.modules, "replaceable", module)
    items: dict[str, names.Function] = {"key": lambda one: (one,)}

    def twice(original: names.Function, *arguments: int) -> Any:
        return original(*arguments) * 2

    names.around("replaceable:Class.method")(twice)
    names.around_item(items, "key")(twice)

    assert module.__dict__["Class"]().method(1) == (1, 1)
    assert items["key"](2) == (2, 2)
