"""The cloud assembly: the same from any folder and with any umask."""

import json
import stat
from pathlib import Path

import aws_cdk as cdk

PROJECT_FILE = Path(__file__).parents[1] / "cdk.json"


def project_app() -> cdk.App:
    """Return an app with the feature flags of the project's cdk.json.

    The CDK CLI only reads a cdk.json of its working directory. What it passes on (`-c`,
    cdk.context.json) wins over the project's.
    """
    project = json.loads(PROJECT_FILE.read_text(encoding="utf-8"))
    return cdk.App(context=project["context"], analytics_reporting=project["versionReporting"])


def synthesize(app: cdk.App) -> None:
    """Write the assembly, with assets that Lambda can read."""
    make_assets_readable(Path(app.synth().directory))


def make_assets_readable(assembly: Path) -> None:
    """Give all files of the assets the modes of a checkout with umask 022.

    Modes travel from the checkout into the published zip, and Lambda runs as another user than the
    owner of the files. CDK's hashes ignore modes: a zip with wrong ones would never be replaced.
    """
    for asset in assembly.glob("asset.*/"):
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (asset, *asset.rglob("*"))}
        right = {path: 0o755 if mode & stat.S_IXUSR else 0o644 for path, mode in modes.items()}
        if modes != right:
            for path, mode in right.items():
                path.chmod(mode)
            zipped = f"{asset.name.removeprefix('asset.')}.zip"  # by the CLI, after the last synth
            (assembly / ".cache" / zipped).unlink(missing_ok=True)
