"""model.tar.gz: packing what training left, unpacking what a model server reads."""

import tarfile
from pathlib import Path

from localcloud.sagemaker.errors import Failure


def pack(folder: Path, archive: Path) -> None:
    """Write the contents of `folder`, not the folder itself, as a gzipped tar file."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, folder: Path, *, source: str) -> None:
    """Extract a gzipped tar file into `folder`; `source` is named in the error.

    Raises:
        Failure: it is none, or has a member that would leave `folder`.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Failure(
            f"Failed to extract model data archive from URL {source}: {error}. "
            "Please ensure that it is a valid tar.gz archive with relative member names.",
        ) from error
