"""The settings of a demo with pictures of your own."""

import json
import os
from pathlib import Path

from localcloud.steps import Steps
from operations import staging
from settings import Settings, load
from settings.loader import FOLDER_VARIABLE
from settings.s3_uris import is_s3
from training import selection, source
from training.errors import StagingError

ENVIRONMENT = "pictures"
FOLDER = "settings"
"""Of the demo's output; its TOML file is a beginning for settings of your own."""


def settings_for(location: str, out: Path, steps: Steps) -> Settings:
    """Check a folder or list of pictures; return settings for them, which `out` then has as TOML.

    Commands that this process starts find them as well. What is prepared here is cached. With too
    few validation pictures for its baseline, there is no drift detector.

    Raises:
        StagingError: the pictures cannot be staged, or are in S3.
    """
    if is_s3(location):
        raise StagingError(
            f"{location}: the demo reads pictures of this machine only; copy them: "
            f"aws s3 cp --recursive {location} pictures/"
        )
    path = Path(location).expanduser().resolve()
    values = {"source": source.kind_of(str(path)), "pictures": str(path)}
    os.environ[FOLDER_VARIABLE] = str(out / FOLDER)
    settings = _write(out, values, drift=True)
    with steps.step("check the pictures"):
        pictures = staging.source_of(settings, console=steps.console)
        selected = staging.choose(settings, pictures, console=steps.console)
        selection.check(selected, max_refused_percent=settings.dataset.max_refused_percent)
    shortage = staging.baseline_shortage(selected.counts["validation"], settings)
    if shortage is None:
        return settings
    steps.console.print(f"Without drift detector: {shortage}", style="yellow", soft_wrap=True)
    return _write(out, values, drift=False)


def _write(out: Path, values: dict[str, str], *, drift: bool) -> Settings:
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Settings of a demo with pictures of your own. To go on with them, copy this file to",
        "# settings/. Keys that are absent have the default that docs/settings.md lists.",
        "",
        "[dataset]",
        # Of these texts, a JSON string is a TOML string.
        *(f"{name} = {json.dumps(value)}" for name, value in values.items()),
    ]
    if not drift:
        lines += ["", "[drift]", "enabled = false"]
    file = folder / f"{ENVIRONMENT}.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(ENVIRONMENT, folder)
