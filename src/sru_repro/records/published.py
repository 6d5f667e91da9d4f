"""What leaves this machine: a record without its folders, its figures with as many digits as are of use."""

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

# A path from the root, the home or a parent folder; not a quotient (3/4), a pair (and/or), a web address.
_PATH = re.compile(r"(?<![\w:/.~-])(?:~|\.\.|[A-Za-z]:)?(?:[/\\][\w.@+~-]+)+[/\\]?(?=[^\w]|$)")


def published(value: Any, digits: int | None = None) -> Any:
    """A value of JSON's types with paths of this machine cut to their last part; `digits` a number, None for all."""
    if isinstance(value, dict):
        return {key: published(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [published(inner, digits) for inner in value]
    if isinstance(value, float) and digits is not None:
        return float(f"{value:.{digits}g}")
    if not isinstance(value, str):
        return value
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(value).is_absolute() and "\n" not in value and ": " not in value:
            return kind(value).name  # the whole text is a path, which may hold spaces
    return without_paths(value)


def without_paths(text: str) -> str:
    """The text with every path of this machine cut to its last part."""
    return _PATH.sub(lambda found: re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)
