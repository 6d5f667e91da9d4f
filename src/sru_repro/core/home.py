"""Home folders: kept as `~` in whatever is written, as their names are nobody's business, and as they are in memory."""

import json
import os
import re
from pathlib import Path
from typing import Any


def without_home(value: Any) -> Any:
    """The value, a text or dictionaries and lists of such, with `~` for this user's home folder."""
    if isinstance(value, dict):
        return {without_home(key): without_home(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_home(one) for one in value]
    if not isinstance(value, str):
        return value
    home = os.path.expanduser("~")
    for name in dict.fromkeys((home, os.path.realpath(home))):
        if Path(name).is_absolute() and name.strip("/"):
            for form in dict.fromkeys((name, json.dumps(name)[1:-1])):  # as JSON escapes it
                value = re.sub(rf"{_BEGINS}{re.escape(form)}(?![\w.-])", "~", value)
    return value


_BEGINS = r"(?:(?<![\w./~-])|(?<=://)|(?<=\\[nrt]))"
"""What stands before a path: no other part of one; the beginning of a URL, the escape of a space or line."""


def shown(place: Path) -> str:
    """A path as a line says it: from the working directory on where it lies below, else with `~`."""
    here, place = Path.cwd(), place.absolute()
    return str(place.relative_to(here)) if place.is_relative_to(here) else str(without_home(str(place)))


def with_home(value: Any) -> Any:
    """The value, as `without_home` takes it, with this user's home folder where one begins with `~/`."""
    if isinstance(value, dict):
        return {key: with_home(one) for key, one in value.items()}
    if isinstance(value, list):
        return [with_home(one) for one in value]
    if isinstance(value, str) and (value == "~" or value.startswith("~/")):
        return os.path.expanduser(value)
    return value
