"""The cloud assembly: the same from whatever folder and with whatever umask it is synthesized."""

import json
import stat
from pathlib import Path

import aws_cdk as cdk

PROJECT_FILE = Path(__file__).parents[1] / "cdk.json"


def project_app() -> cdk.App:
    """Return an app with the feature flags of the project's cdk.json.

    The CDK CLI reads a cdk.json of its working directory only. What it passes on (`-c`,
    cdk.context.json) wins over the project's.
    """
    project = json.loads(PROJECT_FILE.read_text(encoding="utf-8"))
    return cdk.App(context=project["context"], analytics_reporting=project["versionReporting"])


def make_assets_readable(assembly: Path) -> None:
    """Give everything in the assets the modes that a checkout with umask 022 has.

    Lambda runs as another user than the owner of the files, whose modes travel from the checkout
    into the published zip. CDK's hashes do not see them: a zip with wrong modes would be taken for
    a right one, and never be replaced.
    """
    for asset in assembly.glob("asset.*/"):
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (asset, *asset.rglob("*"))}
        right = {path: 0o755 if mode & stat.S_IXUSR else 0o644 for path, mode in modes.items()}
        if modes != right:
            for path, mode in right.items():
                path.chmod(mode)
            zipped = f"{asset.name.removeprefix('asset.')}.zip"  # by the CLI, after the last synth
            (assembly / ".cache" / zipped).unlink(missing_ok=True)
