"""A run of wandb's read back from its offline file: what a dashboard would show, without a server.

The file is a log of records as LevelDB writes it: blocks of 32 KiB, in them chunks of seven bytes (checksum, length,
type: 1 whole, 2 first, 3 middle, 4 last) and data; its own head takes the first seven bytes.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK, HEAD = 32768, 7


@dataclass
class Offline:
    """What one file tells.

    about      id, project, name, group, job_type, notes, sweep_id, tags
    points     of the history, in order
    summary    as it stood at the end
    axes       the metrics that were defined, with the axis each is drawn over
    artifacts  name and type of each
    exit_code  None while the run is under way
    """

    about: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    exit_code: int | None = None

    def curve(self, key: str) -> list[tuple[float, float]]:
        """(step, value) of a metric."""
        return [(point["step"], point[key]) for point in self.points if key in point]

    def panels(self) -> list[tuple[str, str, int]]:
        """Key, kind and number of points of everything that the run logged, by section."""
        found: dict[str, tuple[str, int]] = {}
        for point in self.points:
            for key, value in point.items():
                if key.startswith("_") or key in ("step", "tokens", "wall_s", "epoch"):
                    continue
                kind = "curve" if isinstance(value, int | float) else str(value.get("_type", "value"))
                found[key] = kind, found.get(key, (kind, 0))[1] + 1
        return [(key, *found[key]) for key in sorted(found)]


def read_offline(place: Path) -> Offline:
    """The run whose offline file lies in this folder, somewhere below; the last of several."""
    from wandb.proto import wandb_internal_pb2 as proto

    found = Offline()
    for data in _records(max(place.rglob("*.wandb")).read_bytes()):
        record = getattr(proto, "Record")()  # noqa: B009  made when it is imported
        record.ParseFromString(data)
        _take(found, record)
    return found


def _take(found: Offline, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        run = record.run
        found.about = {
            **{"id": run.run_id, "project": run.project, "name": run.display_name, "group": run.run_group},
            **{
                "job_type": run.job_type,
                "notes": run.notes,
                "sweep_id": run.sweep_id,
                "tags": list(run.tags),
            },
        }
        found.config |= _values(run.config.update)
    elif kind == "config":
        found.config |= _values(record.config.update)
    elif kind == "history":
        found.points.append(_values(record.history.item))
    elif kind == "summary":
        found.summary |= _values(record.summary.update)
    elif kind == "metric":
        name = record.metric.name or record.metric.glob_name
        found.axes[name] = record.metric.step_metric
    elif kind == "artifact":
        found.artifacts.append((record.artifact.name, record.artifact.type))
    elif kind == "files":
        found.files += [one.path for one in record.files.files]
    elif kind == "exit":
        found.exit_code = record.exit.exit_code


def _values(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        *above, last = item.nested_key or [item.key]
        inside = found
        for key in above:
            inside = inside.setdefault(key, {})
        inside[last] = json.loads(item.value_json)
    return found


def _records(content: bytes) -> Iterator[bytes]:
    place, parts = HEAD, b""
    while place + HEAD <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEAD:  # too little for a chunk: zeros
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        if kind == 0:
            return
        place += HEAD
        parts += content[place : place + length]
        place += length
        if kind in (1, 4):
            yield parts
            parts = b""
