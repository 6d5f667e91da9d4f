"""Runs put together: rows, whose runs differ in nothing but seed and fold, and sections, within which figures are of
one kind.

A row has one configuration, one task, the same data and the same hardware. Where one seed stands in a row several
times, by other code or packages, it falls apart into rows of one code each; what then still stands there twice is a
repetition, of which the last counts.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...records.run import RunRecord
from ..document import NONE, literal
from ..runs.records import FOLDS, Metric, chosen, flatten, free, metric_head, metric_of
from ..statistics import interval
from .gather import Found

Key = tuple[int, int | None]
"""What is paired: seed and fold."""
_PLACES = {"task.path", "task.vectors"}
"""Where the data lay is told by their fingerprint."""
_SINCE = {"trainer.devices": 1, "trainer.num_nodes": 1}
"""Keys that older records have not, and what they mean by that; else it is null, false, 0 or nothing."""
_LONGEST = 30
"""Letters that a row's name may have together with what sets it apart."""


@dataclass(frozen=True)
class Group:
    """A row: its runs in the order of seeds and folds, in any state."""

    found: Sequence[Found]
    apart: str = ""
    """What tells it from other rows of its name."""

    @property
    def first(self) -> RunRecord:
        """The run that speaks for all in what they share: a finished one, where there is one."""
        return next((run for run in self.runs if run.finished), self.runs[0])

    @property
    def runs(self) -> list[RunRecord]:
        """All of its runs."""
        return [one.run for one in self.found]

    @cached_property
    def counted(self) -> dict[Key, RunRecord]:
        """Its finished runs, of each seed and fold the last."""
        return {key_of(run): run for run in sorted(self.runs, key=lambda run: run.started) if run.finished}

    @property
    def repeated(self) -> list[Key]:
        """Seeds and folds that finished more than once."""
        done = [key_of(run) for run in self.runs if run.finished]
        return [key for key in self.counted if done.count(key) > 1]

    @property
    def name(self) -> str:
        """As the row is called, with what sets it apart; nothing in it steers a terminal."""
        return literal(f"{self.first.row} {self.apart}".strip()).replace("\n", "\\n")

    @property
    def overlap(self) -> float:
        """n_test/n_train of the folds of a cross-validation, 0 without one."""
        return 1 / (FOLDS - 1) if any(fold is not None for _, fold in self.counted) else 0.0

    def figures(self, key: str) -> dict[Key, float]:
        """A metric of each finished run that has it, in the unit that tables tell it in."""
        scale = metric_of(key).scale
        return {which: run.metrics[key] * scale for which, run in self.counted.items() if key in run.metrics}

    def mean(self, key: str) -> tuple[float, float | None] | None:
        """Mean and half of its interval, None where no run has the metric."""
        found = list(self.figures(key).values())
        return interval(found, overlap=self.overlap) if found else None


@dataclass(frozen=True)
class Section:
    """Rows of one task and headline, the best first, those without a figure last."""

    task: str
    headline: str
    groups: Sequence[Group]
    higher_is_better: bool = True
    metrics: Sequence[str] = field(default=())
    """Keys of all figures of validation and test, the headline first."""

    @property
    def metric(self) -> Metric:
        """How the headline is printed."""
        return metric_of(self.headline)

    @property
    def head(self) -> str:
        """The headline in words."""
        return metric_head(self.headline)

    @property
    def ranked(self) -> list[Group]:
        """The rows that have a figure."""
        return [group for group in self.groups if group.mean(self.headline)]

    @property
    def one_machine(self) -> bool:
        """Whether all rows ran on the same hardware: else no speeds are compared."""
        return len({run.hardware.slug for group in self.groups for run in group.counted.values()}) < 2


def key_of(run: RunRecord) -> Key:
    """What a run is paired by."""
    return run.seed, run.fold


def sections(found: Iterable[Found]) -> list[Section]:
    """The runs by task and headline, in the order in which these come; a run without a headline, which has not come so
    far, stands with the others of its task."""
    every = list(found)
    headlines: dict[str, list[str]] = {}
    for one in every:
        known = headlines.setdefault(one.run.task, [])
        if one.run.headline and one.run.headline not in known:
            known.append(one.run.headline)
    made = []
    for task, known in headlines.items():
        for headline in known or [""]:
            own = [
                one
                for one in every
                if one.run.task == task and (one.run.headline or (known or [""])[0]) == headline
            ]
            made.append(_section(task, headline, own))
    return made


def _section(task: str, headline: str, found: Sequence[Found]) -> Section:
    better = not metric_of(headline).lower_is_better
    better = next(
        (one.run.higher_is_better for one in found if "higher_is_better" in one.run.model_fields_set), better
    )
    groups = _named(list(_grouped(found)))

    def rank(group: Group) -> tuple[bool, float]:
        mean = group.mean(headline)
        if mean is None or mean[0] != mean[0]:
            return True, 0.0
        return False, -mean[0] if better else mean[0]

    keys = dict.fromkeys(key for one in found for key in sorted(one.run.metrics))
    metrics = [headline] * (headline in keys)
    metrics += [
        key for key in sorted(keys, key=_order) if key != headline and not key.startswith("throughput/")
    ]
    return Section(task, headline, sorted(groups, key=rank), better, metrics)


def _order(key: str) -> tuple[int, str]:
    split = key.partition("/")[0]
    return ({"val": 0, "test": 1}.get(split, 2), key)


def _grouped(found: Sequence[Found]) -> Iterator[Group]:
    alike: dict[Hashable, list[Found]] = {}
    for one in found:
        alike.setdefault(_what(one.run), []).append(one)
    for own in alike.values():
        own.sort(key=lambda one: (one.run.seed, one.run.fold or 0, one.run.started))
        keys = [key_of(one.run) for one in own if one.run.finished]
        by_code: dict[str, list[Found]] = {}
        if len(set(keys)) < len(keys):
            for one in own:
                code = one.run.code
                by_code.setdefault(
                    f"{code.revision} {code.dirty} {sorted(one.run.packages.items())}", []
                ).append(one)
        yield from map(Group, by_code.values() if len(by_code) > 1 else [own])


def _what(run: RunRecord) -> Hashable:
    """What the runs of a row share."""
    data = run.data
    own = data.fingerprint if run.fold is None else ""  # each fold has a fingerprint
    return (
        *(run.task, run.row, run.profile, run.hardware.slug),
        *(data.source, data.description if run.fold is None else "", data.vectors, data.part, own),
        tuple(sorted((key, repr(value)) for key, value in said(run.config).items())),
    )


def said(config: Mapping[str, Any]) -> dict[str, object]:
    """What a configuration says of a run, by dotted keys: without seed and places, and without what is off."""
    return {
        key: value
        for key, value in flatten(config)
        if not (free(key) or key in _PLACES or value in (None, False, 0, "", [], {}))
        and _SINCE.get(key) != value
    }


def _named(groups: Sequence[Group]) -> list[Group]:
    """The rows, each with what sets it apart from others of its name; numbered where that does not."""
    by_row: dict[str, list[Group]] = {}
    for group in groups:
        by_row.setdefault(group.first.row, []).append(group)
    named = [Group(group.found, _apart(group, by_row[group.first.row])) for group in groups]
    names, counts = [group.name for group in named], Counter[str]()
    for place, (group, name) in enumerate(zip(named, names, strict=True)):
        if names.count(name) > 1:
            counts[name] += 1
            named[place] = Group(group.found, f"{group.apart} #{counts[name]}".strip())
    return named


def _apart(group: Group, others: Sequence[Group]) -> str:
    """As much as fits of what tells this row from the others of its name."""
    every = [chosen(one.first) | said(one.first.config) | _traits(one.first) for one in others]
    names, run = chosen(group.first), group.first
    traits = names | {"debug": f"debug={run.debug}" * bool(run.debug)} | _traits(run)
    own, words = dict(flatten(run.config)), list[str]()
    for key in dict.fromkeys(key for one in every for key in one):
        optional = key.partition(".")[0] in names and key not in names  # with the name it tells nothing more
        rivals = [one for one in every if not optional or one.items() >= names.items()]
        if len({repr(one.get(key)) for one in rivals}) > 1:
            value = own.get(key, NONE)
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            word = traits.get(key, f"{key.rpartition('.')[2]}={text}")
            if word and len(run.row) + sum(len(one) + 1 for one in (*words, word)) <= _LONGEST:
                words.append(word)
    return " ".join(words)


def _traits(run: RunRecord) -> dict[str, str]:
    """By what besides its settings a run may be told from another."""
    data = run.data
    return {
        "profile": run.profile,
        "machine": run.hardware.slug,
        "data": data.fingerprint[:8] if run.fold is None else str(data.vectors or data.part),
        "code": (run.code.revision or "unknown")[:7] + " changed" * bool(run.code.dirty),
    }
