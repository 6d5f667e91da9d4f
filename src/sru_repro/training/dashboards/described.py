"""What a dashboard says of a run beside its curves: a name, the configuration, where the figures come from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...core.home import without_home
from ...records.run import RunRecord
from ..config import RunConfig

Leaf = str | int | float | bool
LEFT_OUT = ("paper", "logger", "data_dir")
"""Parts of a configuration that say nothing of what was trained."""


def title(config: RunConfig, content: RunRecord) -> str:
    """The run's name for people: row, profile, seed."""
    name = f"{config.top.row} {config.top.profile} seed {config.top.seed}"
    return name if content.fold is None else f"{name} fold {content.fold}"


def group(config: RunConfig, content: RunRecord) -> str:
    """Whom the run belongs to: the sweep, or the task."""
    return sweep(content) or config.task.name


def sweep(content: RunRecord) -> str:
    """The sweep's name, "" where there is none."""
    return Path(getattr(content, "sweep", None) or "").name


def settings(config: RunConfig, content: RunRecord) -> dict[str, Leaf]:
    """The configuration by dotted keys, the data, the code and the hardware; texts without the home folder."""
    kept = {key: value for key, value in config.plain.items() if key not in LEFT_OUT}
    found = dict(_leaves(without_home(kept)))
    found["data_fingerprint"] = content.data.fingerprint
    found["revision"] = content.code.revision or "unknown"
    found["hardware"] = content.hardware.name
    return found


def started(content: RunRecord) -> float:
    """When the run began, in seconds since 1970; a resumed one began where it first did."""
    try:
        return datetime.fromisoformat(content.started).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Leaf]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        elif isinstance(value, str | int | float | bool):
            yield f"{above}{key}", value
        else:
            yield f"{above}{key}", "null" if value is None else ", ".join(map(str, value))
