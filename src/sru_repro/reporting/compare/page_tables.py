"""The tables of a page: rows by rank with their tests, what they cost, what differs between them, and every run."""

from collections.abc import Callable, Mapping, Sequence

from ...records.run import RunRecord
from .. import facts
from ..document import NONE
from ..marks import marked
from .differences import differences
from .groups import Group, Section
from .judged import Judged, alike, change, judged
from .measures import Measure, headline, measures
from .overview import apart_of, chance, ranges
from .pair import figures, is_speed, number
from .tables import Cell, Column, Look, table

_VERDICTS = {True: "yes", False: "no", None: NONE}


def ranking(section: Section, base: Group, first: int, looks: Sequence[Look]) -> str:
    """Rows by their headline, with the tests against `base`."""
    rows = judged(section, base)
    counts = [len(line.group.figures(section.headline)) for line in rows]
    near = [ranges([str(first + place) for place in places]) for places in alike(section)]

    def of_tests(head: str, cell: Callable[[Judged], Cell]) -> Column:
        return Column(head, [Cell("") if line.test is None else cell(line) for line in rows], number=True)

    def effect(line: Judged) -> Cell:
        assert line.test is not None
        return Cell(change(line.test.effect, section.metric), line.test.effect)

    def between(line: Judged) -> Cell:
        assert line.test is not None
        low, high = line.test.low, line.test.high
        if low is None or high is None:
            return Cell(NONE)
        return Cell(f"{change(low, section.metric)} to {change(high, section.metric)}", low)

    def by_chance(line: Judged) -> Cell:
        assert line.test is not None
        return Cell(chance(line.test.p), line.test.p)

    corrected = of_tests("p after Holm", lambda line: Cell(chance(line.corrected), line.corrected))
    hows = ["" if line.test is None else line.test.how for line in rows]
    return table(
        [
            *_names(section, first, looks, len(rows)),
            _measure(headline(section), len(rows)),
            Column("n", [Cell(str(n), n) for n in counts], number=True),
            of_tests(f"minus {base.name}", effect),
            of_tests("95 % interval", between),
            of_tests("p", by_chance),
            *[corrected] * (sum(line.corrected is not None for line in rows) > 1),
            Column("differs", [Cell("" if line.test is None else _VERDICTS[line.differs]) for line in rows]),
            Column("alike", list(map(Cell, near)), kind="name"),
            *[Column("test", list(map(Cell, hows)), kind="name")] * (len({*hows, ""}) > 2),
        ]
    )


def figures_of(section: Section, first: int, looks: Sequence[Look]) -> str:
    """What rows reached besides, and what they cost."""
    count = len(section.ranked)
    columns = [_measure(one, count) for one in measures(section)]
    return table([*_names(section, first, looks, count), *columns])


def differing(section: Section, first: int) -> str:
    """Every key in which not all rows agree; of one row, not all its runs."""
    apart, names = apart_of(section, first)
    found = differences(apart)
    if not found:
        return "<p>Configuration, data, code, packages and hardware are the same.</p>"
    if len(section.groups) > 1:
        names = [f"{name} {group.name}" for name, group in zip(names, section.groups, strict=True)]
    columns = [
        Column("part", [Cell(line.part) for line in found]),
        Column("key", [Cell(line.key) for line in found], kind="name"),
    ]
    for place, name in enumerate(names):
        columns.append(Column(name, [Cell(line.values[place]) for line in found], kind="text"))
    return table(columns)


def every_run(section: Section) -> str:
    """A line a run: what it was, how it ended, all its figures as recorded, where it lies."""
    every = [(group, one) for group in section.groups for one in group.found]
    runs = [one.run for _, one in every]
    costs = [figures(run) for run in runs]
    keys = dict.fromkeys(key for cost in costs for key in sorted(cost) if not key.endswith("processor"))
    folds = [Cell(NONE if run.fold is None else str(run.fold), run.fold) for run in runs]
    states = [Cell(run.state + (f": {run.error}" if run.error else "")) for run in runs]
    columns = [
        Column("row", [Cell(group.name) for group, _ in every], kind="name"),
        Column("seed", [Cell(str(run.seed), run.seed) for run in runs], number=True),
        Column("fold", folds, number=True),
        Column("state", states, kind="name"),
        *(Column(key, list(map(_figure(key), runs, costs)), number=True) for key in keys),
        Column("machine", [Cell(run.hardware.name) for run in runs], kind="long"),
        Column("code", [Cell(facts.revisions([run.stamp])[0]) for run in runs], kind="name"),
        Column("started", [Cell(run.started) for run in runs], kind="name"),
        Column("arguments", [Cell(" ".join(run.overrides)) for run in runs], kind="long"),
        Column("notes", [Cell("; ".join(run.notes)) for run in runs], kind="long"),
        Column("place", [Cell(one.name) for _, one in every], kind="long"),
    ]
    return table(columns)


def _figure(key: str) -> Callable[[RunRecord, Mapping[str, float]], Cell]:
    def cell(run: RunRecord, known: Mapping[str, float]) -> Cell:
        value = known.get(key)
        share = run.throughput.processor if is_speed(key) else None
        return Cell(marked(number(value), share), value)

    return cell


def _measure(one: Measure, count: int) -> Column:
    cells = [Cell(words, value) for words, value in zip(one.texts, one.values, strict=True)]
    return Column(one.head, cells[:count], number=True)


def _names(section: Section, first: int, looks: Sequence[Look], count: int) -> list[Column]:
    groups = section.groups[:count]
    return [
        Column("#", [Cell(str(first + place), first + place) for place in range(count)], number=True),
        Column(
            "row",
            [Cell(group.name, look=looks[place]) for place, group in enumerate(groups)],
            kind="name",
        ),
    ]
