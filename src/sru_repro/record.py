"""The run record's format: what every `run.json` holds. Written by training, read by reporting; knows neither."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .core.errors import DataError

Record = dict[str, Any]

SCHEMA = 1
STATES = ("running", "finished", "failed", "interrupted")

_ALWAYS: dict[str, tuple[type, ...]] = {
    "task": (str,),
    "table": (str, type(None)),
    "row": (str,),
    "profile": (str,),
    "seed": (int,),
    "fold": (int, type(None)),
    "error": (str, type(None)),
}
_FINISHED: dict[str, tuple[type, ...]] = {
    "config": (dict,),
    "paper": (dict, type(None)),
    "code.revision": (str, type(None)),
    "code.dirty": (bool, type(None)),
    "packages": (dict,),
    "hardware.name": (str,),
    "hardware.slug": (str,),
    "data.fingerprint": (str,),
    "data.description": (str,),
    "data.share": (int, float, type(None)),
    "data.notes": (list,),
    "data.comparable": (bool,),
    "data.why_not": (str, type(None)),
    "parameters": (int,),
    "backend": (str,),
    "headline": (str,),
    "epochs": (list,),
    "metrics": (dict,),
    "throughput.tokens_per_s": (int, float, type(None)),
    "throughput.seconds_per_epoch": (int, float, type(None)),
    "peak_bytes": (int, type(None)),
    "started": (str,),
    "wall_s": (int, float),
}


def read_record(place: Path) -> Record:
    """One record, from its file or folder. Raises DataError when missing, broken or of another schema."""
    path = place / "run.json" if place.is_dir() else place
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"expected a run record, found none ({error.strerror}); name the folder of a run"
        raise DataError(f"{path}: {problem}") from None
    except ValueError as error:
        raise DataError(f"{path}: expected JSON, found {error}; delete the file and run again") from None
    problem = _problem(record)
    if problem:
        raise DataError(f"{path}: {problem}; delete the file and run again")
    return dict(record)


def lookup(record: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key, or None."""
    value: Any = record
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _problem(record: object) -> str:
    if not isinstance(record, dict):
        return f"expected a mapping, found {type(record).__name__}"
    if record.get("schema") != SCHEMA:
        return f"key 'schema': expected {SCHEMA}, found {record.get('schema')!r}"
    if record.get("state") not in STATES:
        return f"key 'state': expected one of {', '.join(STATES)}, found {record.get('state')!r}"
    finished = record["state"] == "finished"
    for name, kinds in (_ALWAYS | _FINISHED if finished else _ALWAYS).items():
        value = lookup(record, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            return f"key {name!r}: expected {expected}, found {value!r:.60}"
    if finished and not isinstance(record["metrics"].get(record["headline"]), int | float):
        return f"key 'metrics': expected a number for {record['headline']!r}, found {record['metrics']!r:.60}"
    return ""
