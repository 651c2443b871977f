"""Turn keys and names into paths below a folder; find the folder of caches."""

import os
from pathlib import Path


def relative_path(name: str) -> str:
    """Return `name` if it is a path that stays below any folder.

    Empty parts are also refused: a leading slash would replace the folder, and two keys must not
    become one file.

    Raises:
        ValueError: it is not such a path.
    """
    if "\0" in name or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(
            f"{name!r} is not a path below its folder: expected names separated by single slashes, "
            "none of them . or .."
        )
    return name


def writable_path(folder: Path, name: str) -> Path:
    """Return the path of `name` below `folder`, to write or remove.

    The folder may be a link.

    Raises:
        ValueError: as `relative_path`.
        FileExistsError: a part of the path below the folder is a link.
    """
    path = folder
    for part in relative_path(name).split("/"):
        path /= part
        if path.is_symlink():
            raise FileExistsError(
                f"{path} is a link, which may lead out of {folder}: remove the link"
            )
    return path


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/scones`, or `~/.cache/scones` if the variable is unset or empty."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scones"
