"""The run record: everything worth knowing about a run in one `run.json`, rewritten whole as it goes."""

import csv
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..record import SCHEMA, Record, read_record


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RunRecord:
    """One run's folder and what is written into it: `run.json` (`content`) and `metrics.csv` (curves)."""

    def __init__(self, folder: Path, content: Record) -> None:
        self.folder = folder
        self.content = {"schema": SCHEMA, **content}
        self._started = time.perf_counter() - self.content["wall_s"]  # of a resumed run: what it took before

    def save(self) -> None:
        """Writes run.json in one piece: a reader sees the old record or the new one."""
        self.content["wall_s"] = time.perf_counter() - self._started
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / "run.json.part"
        part.write_text(json.dumps(self.content, indent=1, sort_keys=True) + "\n")
        os.replace(part, self.folder / "run.json")

    def curve(self, points: list[dict[str, Any]]) -> None:
        """Writes metrics.csv: one line a point, columns as they first appear."""
        columns = list(dict.fromkeys(key for point in points for key in point))
        part = self.folder / "metrics.csv.part"
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(points)
        os.replace(part, self.folder / "metrics.csv")


def write_predictions(folder: Path, predictions: Mapping[str, Any]) -> Path:
    """Writes predictions.json: what the model said of each example, by its name (of SQuAD: the official format)."""
    path, part = folder / "predictions.json", folder / "predictions.json.part"
    part.write_text(json.dumps(predictions, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    os.replace(part, path)
    return path


def is_done(folder: Path, config: dict[str, Any], fingerprint: str | None = None) -> bool:
    """Whether the folder holds the finished run of exactly this configuration (and this data, when given).

    Where the data lie, which logger watched and how a row is labelled does not change a run.
    """
    try:
        record = read_record(folder)
    except DataError:
        return False
    same_data = fingerprint is None or record["data"]["fingerprint"] == fingerprint
    return record["state"] == "finished" and same_data and identity(record["config"]) == identity(config)


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that a result depends on."""
    return {key: value for key, value in config.items() if key not in ("data_dir", "logger", "paper", "row")}
