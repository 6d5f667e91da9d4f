"""Run records: found, checked, laid flat. A record is a run's `run.json`, described in results/README.md."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...record import Record, lookup, read_record

if TYPE_CHECKING:
    import pandas

FOLDS = 10
"""Parts of a cross-validation; the fold of a record counts from 0."""

_FRAME = (
    *(
        "table",
        "task",
        "row",
        "profile",
        "seed",
        "fold",
        "state",
        "error",
        "parameters",
        "backend",
        "headline",
    ),
    *("hardware.slug", "data.fingerprint", "data.vectors", "data.share", "code.revision", "code.dirty"),
    *("throughput.seconds_per_epoch", "throughput.encoder_seconds_per_epoch", "throughput.tokens_per_s"),
    *("peak_bytes", "wall_s", "started"),
)


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


def load_records(*places: Path) -> list[Record]:
    """All records below the folders, in a fixed order; a folder that is not there holds none.

    Below a folder with `run.json` files only these are read; of two records of one run, the later one counts.
    """
    newest: dict[tuple[Any, ...], Record] = {}
    for place in places:
        below = sorted(place.rglob("run.json")) or sorted(place.rglob("*.json"))
        for record in map(read_record, [place] if place.is_file() else below):
            key = (*_identity(record), lookup(record, "hardware.slug"), lookup(record, "data.fingerprint"))
            if key not in newest or str(newest[key].get("started")) <= str(record.get("started")):
                newest[key] = record
    return [newest[key] for key in sorted(newest, key=repr)]


def frame(records: Iterable[Record]) -> "pandas.DataFrame":
    """One line per run: what it was, what it cost, every metric (fractions, as recorded) by its key."""
    import pandas

    lines = [
        {name: lookup(record, name) for name in _FRAME} | (record.get("metrics") or {}) for record in records
    ]
    return pandas.DataFrame(lines, columns=None if lines else pandas.Index(_FRAME))


def share(record: Record) -> float:
    """The part of the data that was used; all of it unless the record says otherwise."""
    return float(record["data"].get("share") or 1.0)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a nested dict under dotted keys, sorted; lists are leaves."""
    for key in sorted(tree):
        if isinstance(tree[key], Mapping):
            yield from flatten(tree[key], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", tree[key]


def _identity(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("table", "task", "row", "profile", "seed", "fold"))
