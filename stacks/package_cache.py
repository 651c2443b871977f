"""Where jsii, which runs CDK's constructs, unpacks its packages: 213 MB, once per version."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"
PROJECT = Path(__file__).parents[1]


def choose_package_cache(
    environment: MutableMapping[str, str] = os.environ, project: Path = PROJECT
) -> None:
    """Let jsii use a folder of the project where the home folder cannot be written.

    To be called before aws_cdk is imported: jsii ends in a traceback there. What the variable
    names already stays.

    Raises:
        SystemExit: the project cannot be written, either.
    """
    if environment.get(VARIABLE):
        return
    caches = "Library/Caches/com.amazonaws.jsii" if sys.platform == "darwin" else ".cache/aws/jsii"
    at_home, here = Path.home() / caches / "package-cache", project / ".cache" / "jsii"
    if _writable(at_home):
        return
    if not _writable(here):
        raise SystemExit(
            f"error: CDK unpacks its packages into {at_home} or {here}, and neither can be "
            f"written; let {VARIABLE} name a folder that can"
        )
    environment[VARIABLE] = str(here)


def _writable(folder: Path) -> bool:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
