"""A run's folder: its record `run.json`, rewritten whole as it goes, its curves and its predictions."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import DataError
from ..core.files import write_csv, write_json
from ..core.home import without_home
from ..records.base import write
from ..records.run import RunRecord, read_record


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RunFolder:
    """One run's folder and what is written into it: `run.json` (`content`) and `metrics.csv` (curves)."""

    def __init__(self, folder: Path, content: RunRecord) -> None:
        self.folder, self.content = folder, content
        self._started = time.perf_counter() - content.wall_s  # of a resumed run: what it took before

    def save(self) -> None:
        """Writes run.json in one piece: a reader sees the old record or the new one."""
        self.content.wall_s = time.perf_counter() - self._started
        # A run in parts meets some of them again.
        self.content.notes = list(dict.fromkeys(self.content.notes))
        write(self.content, self.folder / RunRecord.FILE)

    def leave_out(self, seconds: float) -> None:
        """Seconds in which the run waited for its turn."""
        self._started += seconds

    def curve(self, points: Sequence[Mapping[str, object]]) -> None:
        """Writes metrics.csv: one line a point."""
        write_csv(self.folder / "metrics.csv", points)


def write_predictions(folder: Path, predictions: Mapping[str, object]) -> Path:
    """Writes predictions.json: what the model said of each example, by its name (of SQuAD: the official format)."""
    path = folder / "predictions.json"
    write_json(path, predictions)
    return path


def is_done(folder: Path, config: Mapping[str, object], fingerprint: str | None = None) -> bool:
    """Whether the folder holds the finished run of exactly this configuration (and this data, when given).

    Where the data lie, which logger watched and how a row is labelled does not change a run.
    """
    try:
        record = read_record(folder)
    except DataError:
        return False
    same_data = fingerprint is None or record.data.fingerprint == fingerprint
    return record.finished and same_data and identity(record.config) == identity(config)


def identity(config: Mapping[str, object]) -> dict[str, object]:
    """The part of a configuration that a result depends on, with `~` for the home folder, as records hold it. Runs from
    before `trainer.graph` had none."""
    kept = {key: value for key, value in config.items() if key not in ("data_dir", "logger", "paper", "row")}
    trainer = kept.get("trainer")
    if isinstance(trainer, Mapping) and not trainer.get("graph"):
        kept["trainer"] = {key: value for key, value in trainer.items() if key != "graph"}
    return dict(without_home(kept))
