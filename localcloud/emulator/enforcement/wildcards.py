"""`*` and `?` of a policy match any character, the end of a line included.

In ministack's they do not, so that a key with one in it is denied.
"""

import re
from collections.abc import Callable
from functools import cache, wraps
from typing import Final

from localcloud.emulator.names import private, replace

COMPILE: Final = "ministack.core.iam_evaluator:_fnmatch_compile"


def extend() -> None:
    """Let the wildcards match every character."""
    compile_pattern: Callable[[str, bool], re.Pattern[str]] = private(COMPILE)

    @cache
    @wraps(compile_pattern)
    def compile_for_all_characters(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        found = compile_pattern(pattern, ignore_case)
        return re.compile(found.pattern.removesuffix("$") + r"\Z", found.flags | re.DOTALL)

    replace(COMPILE, compile_for_all_characters)
