"""A run's folder: its record `run.json`, rewritten whole as it goes, its curves and its predictions."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..core.clock import now as now
from ..core.errors import DataError
from ..core.files import write_csv, write_json
from ..core.home import without_home
from ..core.settings import Settings
from ..models import encoder_class
from ..records.base import write
from ..records.beside import BESIDE
from ..records.run import RunRecord, read_record
from ..tasks import task_class
from .config import OptimConfig, TrainerConfig


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
    """Writes predictions.json: what the model said of each example of the test set, by its name (of SQuAD: the
    official format) or its number from 0 (of sentences: text, gold, predicted, probability)."""
    path = folder / "predictions.json"
    write_json(path, predictions)
    return path


def is_done(folder: Path, config: Mapping[str, object], fingerprint: str | None = None) -> bool:
    """Whether the folder holds the finished run of exactly this configuration (and this data, when given).

    What stands in `BESIDE` does not change a run.
    """
    try:
        record = read_record(folder)
    except DataError:
        return False
    same_data = fingerprint is None or record.data.fingerprint == fingerprint
    return record.finished and not record.debug and same_data and same_run(record.config, config)


def same_run(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether two resolved configurations, of records or of a call, make the same run: a key that one of them lacks,
    as records of earlier versions do, has its default there."""
    return identity(old) == identity(new)


def identity(config: Mapping[str, object]) -> dict[str, object]:
    """The part of a configuration that a result depends on, with what it lacks filled in by defaults, and with `~` for
    the home folder, as records hold it."""
    kept: dict[str, object] = {}
    for name, content in config.items():
        if name in BESIDE or content in (None, {}):  # outside the groups it is what was not asked for
            continue
        if isinstance(content, Mapping):
            filled = _defaults(name, content) | dict(content)
            content = {key: value for key, value in filled.items() if f"{name}.{key}" not in BESIDE}
            if name == "callbacks":  # those that were not chosen
                content = {key: value for key, value in content.items() if value is not None}
            if not content:
                continue
        kept[name] = content
    return dict(without_home(kept))


def _defaults(group: str, content: Mapping[str, object]) -> dict[str, object]:
    """What the settings of a group have where nothing is said; nothing of a class that is not to be found any more, or
    that lies outside the package."""
    kinds: dict[str, Callable[[], type[Settings]]] = {
        "optim": lambda: OptimConfig,
        "trainer": lambda: TrainerConfig,
        "model": lambda: encoder_class(str(content.get("name"))).Config,
        "task": lambda: task_class(str(content.get("kind"))).Config,
    }
    if group not in kinds or content.get("_class_"):
        return {}
    try:
        fields = kinds[group]().model_fields
    except ValueError:
        return {}
    return {
        field.alias or name: field.get_default(call_default_factory=True)
        for name, field in fields.items()
        if not field.is_required()
    }
