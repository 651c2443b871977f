"""The one way from a key, or from a name in a file, to a path below a folder."""


def relative_path(name: str) -> str:
    """Return `name` if it is a path that stays below any folder that it is joined to.

    Empty parts are refused like `.` and `..`: a leading slash would replace the folder, and two
    keys must not become one file.

    Raises:
        ValueError: it is not such a path.
    """
    if "\0" in name or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(
            f"{name!r} is not a path below its folder: expected names separated by single slashes, "
            "none of them . or .."
        )
    return name
