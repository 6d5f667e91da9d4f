"""Run records for tables: found below folders, laid flat, and how their figures are printed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...records.beside import beside
from ...records.run import RunRecord, read_record
from .budget import Budget

if TYPE_CHECKING:
    import pandas

FOLDS = 10
"""Parts of a cross-validation; the fold of a record counts from 0."""

_FRAME = (
    *("table", "task", "row", "profile", "seed", "fold", "state", "error"),
    *("parameters", "backend", "headline"),
    *("hardware.slug", "data.fingerprint", "data.vectors", "data.share", "code.revision", "code.dirty"),
    *("throughput.seconds_per_epoch", "throughput.encoder_seconds_per_epoch", "throughput.tokens_per_s"),
    *("throughput.processor", "peak_bytes", "wall_s", "started"),
)
_TOLD = (
    "config.row",
    "config.seed",
    "config.profile",
    "config.task.fold",
    "config.task.name",
    "config.paper",
)
"""Settings with a column of their own."""


@dataclass(frozen=True)
class Metric:
    """How a metric is printed: records hold fractions, tables per cent."""

    name: str
    scale: float = 1.0
    decimals: int = 1
    lower_is_better: bool = False
    per_epoch: bool = True
    """Speed is in seconds per epoch; else in tokens per second, as language models stop within an epoch."""
    paper_decimals: int = 1
    """Digits after the point that the papers print at least: 1.3 in YAML stood as 1.30 in the table."""
    split: str = ""
    """What the table calls the measured split, where the data set calls it otherwise: SQuAD has no public test set."""
    beside: tuple[str, ...] = ()
    """Metrics that stand in the table too, without a verdict of their own; so they are called in `paper` of a row."""


METRICS = {
    "accuracy": Metric("accuracy, %", 100.0),
    "em": Metric("exact match, %", 100.0, split="dev"),
    "f1": Metric("F1, %", 100.0, split="dev", beside=("em",)),
    "bpc": Metric("bits per byte", decimals=3, lower_is_better=True, per_epoch=False, paper_decimals=2),
    "ppl": Metric("perplexity", decimals=2, lower_is_better=True, per_epoch=False),
}


def metric_of(headline: str) -> Metric:
    """The metric behind a key such as "test/accuracy"."""
    name = headline.rpartition("/")[2]
    return METRICS.get(name, Metric(name, decimals=4))


def metric_head(headline: str) -> str:
    """A headline such as "test/bpc" as the head of a column: "test bits per byte"."""
    metric = metric_of(headline)
    return f"{metric.split or headline.rpartition('/')[0]} {metric.name}".strip()


def load_records(*places: Path) -> list[RunRecord]:
    """All records below the folders, in a fixed order; a folder that is not there holds none.

    Below a folder with `run.json` files only these are read; of two records of one run, the later one counts. Exported
    models are passed over: they are no runs.
    """
    newest: dict[tuple[object, ...], RunRecord] = {}
    for place in places:
        for run in _runs_in(place):
            which = (run.table, run.task, run.row, run.profile, run.seed, run.fold)
            key = (*which, run.hardware.slug, run.data.fingerprint, Budget.of(run))
            if key not in newest or newest[key].started <= run.started:
                newest[key] = run
    return [newest[key] for key in sorted(newest, key=repr)]


def _runs_in(place: Path) -> list[RunRecord]:
    """Of a file its record; of a folder all runs below it, or else all records."""
    if place.is_file():
        return [read_record(place)]
    paths = sorted(place.rglob(RunRecord.FILE))
    kept = {path.parent for path in paths}
    runs = [run for run in map(read_record, paths) if run.exported is None]
    return runs or [read_record(path) for path in sorted(place.rglob("*.json")) if path.parent not in kept]


def frame(records: Iterable[RunRecord], *, every_setting: bool = False) -> "pandas.DataFrame":
    """One line per run: what it was, what it cost, its settings (`config.optim.lr`), every metric (fractions, as
    recorded) by its key.

    Settings are those in which the runs differ, or with `every_setting` all; what stands in a column of its own (row,
    seed, fold, profile) is not told twice, nor the paper's figures. A list is its text.
    """
    import pandas

    lines, settings = [], []
    for run in records:
        known = dict(flatten(run.plain()))
        lines.append({name: known.get(name) for name in _FRAME} | run.metrics)
        settings.append({key: value for key, value in known.items() if _is_setting(key)})
    told = pandas.DataFrame(lines, columns=None if lines else pandas.Index(_FRAME))
    found = pandas.DataFrame(settings, index=told.index)
    found = found.map(lambda value: str(value) if isinstance(value, list) else value)
    if not every_setting:
        found = found.loc[:, found.nunique(dropna=False) > 1]
    whole = told.join(found)
    return whole[[*_FRAME, *sorted(map(str, found)), *told.columns.drop([*_FRAME])]]


def _is_setting(key: str) -> bool:
    return key.startswith("config.") and not key.startswith("config.paper.") and key not in _TOLD


def free(key: str) -> bool:
    """Whether the runs of one row may differ in this setting: in seed, fold, and what stands beside a run."""
    return key in ("seed", "task.fold") or beside(key)


def chosen(run: RunRecord) -> dict[str, str]:
    """What may be chosen or not and has no keys where it is not, by name, "" where it is not: callbacks that change a
    run, and the debugging preset."""
    found = run.config.get("callbacks")
    names = [name for name, of in found.items() if of is not None] if isinstance(found, dict) else []
    told = ", ".join(sorted(name for name in names if not beside(f"callbacks.{name}")))
    return {"callbacks": told, "debug": run.debug}


def flatten(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of a nested dict under dotted keys, sorted; lists are leaves."""
    for key, value in sorted(tree.items()):
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
