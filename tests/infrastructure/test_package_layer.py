from pathlib import Path

import pytest

from settings import load
from stacks.constructs.common import package_layer
from stacks.constructs.common.package_layer import FOLDER, LayerMissingError
from stacks.constructs.common.python_function import ARCHITECTURE, RUNTIME
from tests.infrastructure.synthesis import Templates, synthesize
from tests.infrastructure.templates import plain, templates_with

PROCESSORS = {"arm64": "aarch64", "x86_64": "x86_64"}  # of Lambda, in the names of files


def test_functions_that_measure_pictures_have_it_and_no_others(templates: Templates) -> None:
    functions = {
        properties["Handler"]: properties
        for template in templates("dev").values()
        for resource in template.find_resources("AWS::Lambda::Function").values()
        if (properties := plain(resource["Properties"]))["Handler"].startswith("lambda_src.")
    }
    with_layer = {handler: each for handler, each in functions.items() if each.get("Layers")}

    assert sorted(with_layer) == [
        "lambda_src.drift_detector.baseline_resource.on_event",
        "lambda_src.drift_detector.handler.lambda_handler",
    ]
    (layer,) = templates("dev")["Monitoring"].find_resources("AWS::Lambda::LayerVersion").items()
    for each in with_layer.values():
        assert each["Layers"] == [layer[0]]
        assert layer[1]["Properties"]["CompatibleRuntimes"] == [each["Runtime"]]
        assert layer[1]["Properties"]["CompatibleArchitectures"] == each["Architectures"]


def test_without_them_there_is_none() -> None:
    for template in templates_with(drift={"enabled": False}).values():
        template.resource_count_is("AWS::Lambda::LayerVersion", 0)


def test_without_its_packages_nothing_is_synthesized(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(package_layer, "FOLDER", tmp_path / "none")

    with pytest.raises(LayerMissingError, match=r"none: .* missing; run: make setup"):
        synthesize.__wrapped__(load("dev"))


def test_its_packages_are_built_for_the_functions() -> None:
    version = RUNTIME.name.removeprefix("python").replace(".", "")
    built = f".cpython-{version}-{PROCESSORS[ARCHITECTURE.name]}-linux-gnu.so"
    modules = list(FOLDER.glob("python/PIL/*.so"))

    assert modules, "rm .venv/.stamps/lambda && make setup-dev"
    assert all(path.name.endswith(built) for path in modules), f"the Makefile fetches not {built}"
    assert not list(FOLDER.rglob("__pycache__"))
