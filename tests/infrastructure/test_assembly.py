"""Synthesis is a pure function of the settings, from any folder and with any modes of files."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk.assertions import Annotations, Match

from settings import load
from settings.loader import validate
from stacks.assembly import make_assets_readable
from tests.infrastructure.synthesis import (
    ACCOUNT,
    REGION,
    ROOT,
    application,
    find_stack,
    write_assembly,
    write_assembly_elsewhere,
)


def test_templates_and_assets_are_those_of_the_project_from_anywhere(tmp_path: Path) -> None:
    here = tmp_path / "here"
    write_assembly(load("prod"), here, account=ACCOUNT, region=REGION)
    elsewhere = write_assembly_elsewhere(tmp_path, environment="prod")

    assert _templates(elsewhere) == _templates(here)
    assert _assets(elsewhere) == _assets(here)
    modes = {stat.filemode(mode) for mode in _modes(elsewhere)}
    assert modes == {"-rw-r--r--", "drwxr-xr-x"}


def test_what_the_cli_passes_on_wins_over_the_project() -> None:
    flag = "@aws-cdk/aws-iam:minimizePolicies"
    code = "from stacks.assembly import project_app as app\nprint(app().node.try_get_context(%r))"
    said = subprocess.run(
        [sys.executable, "-c", code % flag],
        check=True,
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps({flag: False})},
        capture_output=True,
        text=True,
    ).stdout
    assert json.loads((ROOT / "cdk.json").read_text())["context"][flag] is True
    assert said == "False\n"


@pytest.mark.parametrize(("mode", "zip_is_kept"), [(0o600, False), (0o644, True)])
def test_what_was_zipped_with_wrong_modes_is_zipped_again(
    tmp_path: Path, mode: int, zip_is_kept: bool
) -> None:
    asset, zipped = tmp_path / "asset.one", tmp_path / ".cache" / "one.zip"
    (asset / "below").mkdir(parents=True)
    zipped.parent.mkdir()
    zipped.touch()
    (asset / "below" / "handler.py").touch()
    (asset / "below" / "handler.py").chmod(mode)
    (asset / "tool").touch()
    (asset / "tool").chmod(0o755)

    make_assets_readable(tmp_path)

    assert (asset / "below" / "handler.py").stat().st_mode & 0o777 == 0o644
    assert (asset / "tool").stat().st_mode & 0o777 == 0o755
    assert zipped.exists() == zip_is_kept


def test_a_retired_instance_type_is_warned_of() -> None:
    settings = validate(
        {"endpoint": {"instance_type": "ml.p2.xlarge"}}, environment="test", source="test.toml"
    )
    stack = find_stack(application(settings, validated=False), settings, "Inference")

    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp(".*ml.p2.xlarge.*"))


def _templates(assembly: Path) -> dict[str, object]:
    found = {path.name: json.loads(path.read_text()) for path in assembly.glob("*.template.json")}
    assert found
    return found


def _assets(assembly: Path) -> set[str]:
    return {path.name for path in assembly.glob("asset.*")}


def _modes(assembly: Path) -> list[int]:
    return [path.stat().st_mode for asset in assembly.glob("asset.*/") for path in asset.rglob("*")]
