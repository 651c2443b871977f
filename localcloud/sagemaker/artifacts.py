"""model.tar.gz: packing what training left, unpacking what a model server reads."""

import shutil
import tarfile
from pathlib import Path
from typing import Final

from localcloud.sagemaker.errors import Failure
from training.archive import checked_members
from training.errors import ArchiveRefusedError
from training.paths import relative_path

MAX_MODEL_BYTES: Final = 1024**3
"""Unpacked. A model of the local algorithm has a few megabytes, one of 200 layers some 250."""


def pack(folder: Path, archive: Path) -> None:
    """Write the contents of `folder`, not the folder itself, as a gzipped tar file."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, folder: Path, *, source: str) -> None:
    """Extract a gzipped tar file into `folder`; `source` is named in the error.

    Raises:
        Failure: it is none, is too large, or holds anything but plain files and folders below it.
    """
    remedy = "pack the model without what serving does not need"
    try:
        for name, content in checked_members(archive, max_bytes=MAX_MODEL_BYTES, instead=remedy):
            # "." is how `tar -C model .` names the folder itself.
            target = folder if name == "." else folder / relative_path(name)
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(content, file)
    except (ArchiveRefusedError, ValueError, OSError) as error:
        raise Failure(
            f"Failed to extract model data archive from URL {source}: {error}. "
            "Please ensure that it is a valid tar.gz archive with relative member names.",
        ) from error
