"""Runs inside a Python Lambda worker: gives it a /tmp of its own, as every AWS worker has one.

ministack's workers share the machine's /tmp, and handlers use fixed names there
(`download_file(bucket, key, "/tmp/image.png")`): two at a time would read each other's picture.
Only Python code is redirected, not programs or libraries that open files themselves. The source of
this module is put in front of ministack's worker script, so it imports nothing of this project.
"""

import builtins
import io
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

SHARED = "/tmp"  # the very path that handlers name
OF_OS = (
    *("open", "stat", "lstat", "access", "chmod", "utime", "truncate", "listdir", "scandir"),
    *("mkdir", "rmdir", "remove", "unlink", "rename", "replace", "link", "symlink"),
)


def give_own_tmp(folder: str) -> None:
    """From now on /tmp is `folder`, except for what are folders of /tmp already.

    Those stay visible, because the project itself or its Python may lie in one of them.
    """
    Path(folder).mkdir()
    known = {entry.name for entry in Path(SHARED).iterdir() if entry.is_dir()}

    def moved(argument: Any) -> Any:
        path = os.fspath(argument) if isinstance(argument, os.PathLike) else argument
        if not isinstance(path, str) or not f"{path}/".startswith(f"{SHARED}/"):
            return argument
        inside = path.removeprefix(SHARED).lstrip("/")
        return argument if inside.partition("/")[0] in known else f"{folder}/{inside}"

    def redirected(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            there = {name: moved(value) for name, value in options.items()}
            return function(*map(moved, arguments), **there)

        return call

    for name in OF_OS:
        setattr(os, name, redirected(getattr(os, name)))
    builtins.open = io.open = redirected(builtins.open)
