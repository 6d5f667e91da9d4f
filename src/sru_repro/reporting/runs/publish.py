"""A finished run's record goes where it is committed: `results/runs/<task>/<row>/<profile>/seed<k>.json`."""

import json
import re
from hashlib import sha256
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ...core.errors import DataError
from .records import Record, read_record

# A path from the root, the home or a parent folder; not a quotient (3/4), a pair (and/or), a web address.
_PATH = re.compile(r"(?<![\w:/.~-])(?:~|\.\.|[A-Za-z]:)?(?:[/\\][\w.@+~-]+)+[/\\]?(?=[^\w]|$)")


_PASSING = ("pid", "progress", "wandb_id")
"""Keys of use only while a run lasts, or to its owner."""


def publish(run: Path, results: Path) -> Path:
    """Copy the record of a finished run below `results/runs` and return its place.

    Paths of this machine keep only their last part, numbers per epoch six digits. A record of the same row
    and seed from other data or hardware is left alone: the new one's name then tells them apart.
    Raises DataError when the run has not finished.
    """
    record = read_record(run)
    if record["state"] != "finished":
        raise DataError(f"{run}: expected a finished run, found it {record['state']}; run it again")
    fold = "" if record["fold"] is None else f"-fold{record['fold']}"
    folder = results / "runs" / record["task"] / record["row"] / record["profile"]
    place = folder / f"seed{record['seed']}{fold}.json"
    if place.exists() and _origin(read_record(place)) != _origin(record):
        slug, fingerprint = _origin(record)
        short = sha256(fingerprint.encode()).hexdigest()[:8]
        place = place.with_name(f"{place.stem}-{slug}-{short}.json")
    write_whole(place, dump(record))
    return place


def write_whole(place: Path, text: str) -> None:
    """Writes a file of results, its folder too, so that nobody ever sees a part of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    written = place.with_suffix(".part")
    written.write_text(text, encoding="utf-8", newline="\n")
    written.replace(place)


def dump(record: Record) -> str:
    """The record as it is committed: sorted keys, one line per epoch, nothing of this machine's folders."""
    cleaned = _clean({key: value for key, value in record.items() if key not in _PASSING})
    epochs = [json.dumps(_rounded(epoch), sort_keys=True) for epoch in cleaned["epochs"]]
    text = json.dumps({**cleaned, "epochs": []}, sort_keys=True, indent=1, ensure_ascii=False)
    if epochs:
        text = text.replace('\n "epochs": []', '\n "epochs": [\n  ' + ",\n  ".join(epochs) + "\n ]", 1)
    return text + "\n"


def without_paths(text: str) -> str:
    """The text with every path of this machine cut to its last part."""
    return _PATH.sub(lambda found: re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)


def shortened(value: Any, digits: int) -> Any:
    """A value of JSON's types with so many digits a number, and paths of this machine cut to their last part."""
    if isinstance(value, dict):
        return {key: shortened(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(inner, digits) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    return without_paths(value) if isinstance(value, str) else value


def _origin(record: Record) -> tuple[str, str]:
    return record["hardware"]["slug"], record["data"]["fingerprint"]


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    if not isinstance(value, str):
        return value
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(value).is_absolute() and "\n" not in value and ": " not in value:
            return kind(value).name  # the whole text is a path, which may hold spaces
    return without_paths(value)


def _rounded(epoch: dict[str, Any]) -> dict[str, Any]:
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in epoch.items()}
