"""Every function's asset has all that its handler imports, and nothing of other functions."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aws_cdk.cx_api import CloudAssembly

from settings import load
from stacks.constructs.common.python_function import LAMBDA_SRC
from tests.infrastructure.synthesis import application

MODULES = sorted(
    f"lambda_src.{path.parent.name}.{path.stem}"
    for path in LAMBDA_SRC.glob("*/*.py")
    if re.search(r"^def (lambda_handler|on_event)\(", path.read_text(), re.MULTILINE)
)
# boto3 and all that it needs, which Lambda's runtime has.
RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
LAYER = ("PIL",)
# Imports the module and prints its functions, and the variables that it reads.
IMPORT = """
import importlib, json, sys
sys.path += sys.argv[2:]
module = vars(importlib.import_module(sys.argv[1]))
read = getattr(module.get("Environment"), "__dataclass_fields__", ())
functions = [name for name in module if callable(module[name])]
print(json.dumps([functions, sorted(map(str.upper, read))]))
"""


class Function(NamedTuple):
    """One of our functions in a template."""

    handler: str
    asset: Path
    variables: dict[str, Any]
    has_layer: bool

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]


@pytest.fixture(scope="module")
def functions() -> list[Function]:
    """All of them, with the assets as they are uploaded."""
    assembly = application(load("dev"), validated=False).synth()
    return list(functions_of(assembly))


def functions_of(assembly: CloudAssembly) -> Iterator[Function]:
    for stack in assembly.stacks:
        for resource in stack.template["Resources"].values():
            properties = resource.get("Properties", {})
            handler = properties.get("Handler", "")
            if resource["Type"] == "AWS::Lambda::Function" and handler.startswith("lambda_src."):
                folder = f"asset.{properties['Code']['S3Key'].removesuffix('.zip')}"
                variables = properties.get("Environment", {}).get("Variables", {})
                asset = Path(assembly.directory) / folder
                yield Function(handler, asset, variables, has_layer="Layers" in properties)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of Lambda's runtime."""
    return linked(tmp_path_factory.mktemp("runtime"), RUNTIME)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the layer's packages, for this machine."""
    return linked(tmp_path_factory.mktemp("layer"), LAYER)


def linked(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        path = Path(spec.origin)
        source = path.parent if path.name == "__init__.py" else path
        (folder / source.name).symlink_to(source)
    return folder


def import_alone(
    module: str, variables: dict[str, Any], *folders: Path
) -> subprocess.CompletedProcess[str]:
    """Import the module in a process that has only the modules of these folders.

    -I and -S keep out this folder and the packages of this environment.
    """
    # What CloudFormation fills in is a name or a list of names.
    filled = {name: each if isinstance(each, str) else "a,b" for name, each in variables.items()}
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT, module, *map(str, folders)]
    return subprocess.run(
        command,
        env={"AWS_DEFAULT_REGION": "us-east-1", "PATH": os.environ["PATH"], **filled},
        cwd=folders[-1],
        capture_output=True,
        text=True,
        check=False,
    )


def test_these_are_all_functions(functions: list[Function]) -> None:
    assert {function.module for function in functions} == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_handler_is_imported_from_its_asset_alone_and_reads_what_the_stack_sets(
    functions: list[Function], runtime: Path, layer: Path, module: str
) -> None:
    of_module = [each for each in functions if each.module == module]
    function = of_module[0]
    _, folder, _ = module.split(".")

    folders = [function.asset, runtime, *([layer] if function.has_layer else [])]
    imported = import_alone(module, function.variables, *folders)

    assert imported.returncode == 0, imported.stderr
    names, variables = json.loads(imported.stdout)
    assert {each.handler.rpartition(".")[2] for each in of_module} <= set(names)
    assert all(variables == sorted(each.variables) for each in of_module)
    files = {path for path in function.asset.rglob("*") if path.is_file()}
    assert {path.relative_to(function.asset) for path in files} == {
        path.relative_to(LAMBDA_SRC.parent)
        for name in (folder, "shared")
        for path in (LAMBDA_SRC / name).glob("*.py")
    }


def test_imports_within_functions_are_of_the_asset_as_well() -> None:
    for path in LAMBDA_SRC.glob("*/*.py"):
        own = f"lambda_src.{path.parent.name}"
        for name in names_imported(path):
            first = name.partition(".")[0]
            known = first in sys.stdlib_module_names or first in (*RUNTIME, *LAYER)
            assert known or name.startswith((own, "lambda_src.shared")), f"{path} imports {name}"


def test_the_environment_is_read_in_one_place() -> None:
    reading = [
        path.relative_to(LAMBDA_SRC)
        for path in LAMBDA_SRC.rglob("*.py")
        if re.search(r"\benviron\b|\bgetenv\b", path.read_text())
    ]

    assert reading == [Path("shared/environment.py")]


def names_imported(path: Path) -> Iterator[str]:
    """Modules that a file imports anywhere; `.other` counts as one of its folder."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = ["lambda_src", path.parent.name] if node.level == 1 else []
            yield ".".join([*folder, *filter(None, [node.module])])
