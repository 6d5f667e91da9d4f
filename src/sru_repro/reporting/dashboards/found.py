"""Which dashboards the runs in a folder have, by what their records and folders say."""

import json
import os
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from ...core.dashboard_places import ELSEWHERE, EVENTS, OFFLINE, OFFLINE_OF, STORE, VARIABLE
from ...core.files import below
from ...records.run import RunRecord

LOGGERS = ("tensorboard", "trackio", "wandb")


@dataclass
class Watched:
    """The runs below a folder, by the dashboard that they have; the newest first."""

    runs: dict[str, list[Path]] = field(default_factory=lambda: {name: [] for name in LOGGERS})
    others: int = 0
    """Runs with none."""
    offline: list[Path] = field(default_factory=list)
    """wandb's folders of its runs, the newest run's first."""
    stores: list[Path] = field(default_factory=list)
    """Where trackio keeps those of its runs, the newest first."""
    project: str = ""
    """trackio's, of the newest."""

    def newest(self) -> str | None:
        """The dashboard of the run that was written to last."""
        latest = {name: _written(runs[0]) for name, runs in self.runs.items() if runs}
        return max(latest, key=latest.__getitem__, default=None)


def watched(folder: Path) -> Watched:
    """What there is below the folder, which may be that of one run."""
    found = Watched()
    records = [path for path in below(folder) if path.name == RunRecord.FILE]
    for record in sorted(records, key=lambda record: -_written(record.parent)):
        run, (logger, name) = record.parent, _told(record)
        has = {
            "tensorboard": any(run.glob(EVENTS)),
            "wandb": bool(offline := _offline(run, name if logger.get("name") == "wandb" else "")),
        }
        found.offline += [kept for kept in offline if kept not in found.offline]
        # Without a name trackio was not there, or failed at once.
        store = _store(run, logger) if logger.get("name") == "trackio" and name else None
        has["trackio"] = store is not None
        if store is not None:
            if not any(store.samefile(other) for other in found.stores):
                found.stores.append(store)
            found.project = found.project or str(logger.get("project") or "")
        for dashboard in LOGGERS:
            if has[dashboard]:
                found.runs[dashboard].append(run)
        found.others += not any(has.values())
    return found


def _told(record: Path) -> tuple[dict[str, Any], str]:
    """What the record says of the logger, and the run's name there; nothing where it cannot be read."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        logger = content["config"]["logger"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, ""
    return (logger, str(content.get("wandb_id") or "")) if isinstance(logger, dict) else ({}, "")


def _offline(run: Path, name: str) -> list[Path]:
    """wandb's folders of a run, in its own one or where the user's variables keep those of all runs."""
    found = sorted(run.glob(OFFLINE))
    if found or not name:
        return found
    places = {Path(told).expanduser() for told in map(os.environ.get, ELSEWHERE) if told}
    return sorted(kept for place in places for kept in place.glob(OFFLINE_OF.format(id=escape(name))))


def _store(run: Path, logger: dict[str, Any]) -> Path | None:
    """Where trackio keeps a run; None where there is nothing. The record names it from the folder in which the training
    was called, one of those above the run, unless the run was told to lie elsewhere."""
    told = Path(os.environ.get(VARIABLE) or str(logger.get("folder") or STORE)).expanduser()
    above = (*run.parents, *run.absolute().parents, *run.resolve().parents, Path())
    places = [told] if os.environ.get(VARIABLE) else [parent / told for parent in above]
    return next((place for place in places if any(place.glob("*.db"))), None)


def _written(run: Path) -> float:
    return max(
        (place.stat().st_mtime for place in (run / RunRecord.FILE, run) if place.exists()), default=0.0
    )
