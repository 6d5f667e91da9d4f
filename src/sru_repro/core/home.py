"""Home folders: kept as `~` in whatever is written, as their names are nobody's business, and as they are in memory."""

import json
import os
import re
from pathlib import Path
from typing import Any


def without_home(value: Any) -> Any:
    """The value, a text or dictionaries and lists of such, with `~` for this user's home folder."""
    if isinstance(value, dict):
        return {key: without_home(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_home(one) for one in value]
    if not isinstance(value, str):
        return value
    home = os.path.expanduser("~")
    for name in dict.fromkeys((home, os.path.realpath(home))):
        if Path(name).is_absolute() and name.strip("/"):
            for form in dict.fromkeys((name, json.dumps(name)[1:-1])):  # as JSON escapes it
                value = re.sub(rf"(?<![\w./~-]){re.escape(form)}(?![\w.-])", "~", value)
    return value


def with_home(value: Any) -> Any:
    """The value, as `without_home` takes it, with this user's home folder where one begins with `~/`."""
    if isinstance(value, dict):
        return {key: with_home(one) for key, one in value.items()}
    if isinstance(value, list):
        return [with_home(one) for one in value]
    if isinstance(value, str) and (value == "~" or value.startswith("~/")):
        return os.path.expanduser(value)
    return value
