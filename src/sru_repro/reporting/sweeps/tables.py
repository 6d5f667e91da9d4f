"""A sweep as blocks of a document: what was found first, then the ranking, what differs, what it cost, what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ...core.home import shown as shown_path
from ..document import NONE, Block, Bullets, Code, Heading, Picture, Table, generated
from ..marks import marked
from ..runs import costs
from ..runs.cells import count, number
from ..runs.records import metric_of
from ..statistics import LEVEL, interval
from . import words
from .entries import Part, Sweep, drawn_order
from .importance import Importance
from .ranking import Group, Ranking
from .settings import short_names, shown

TOP = 10
"""Lines that a terminal shows."""
_MANY = 6
"""Settings of which a line of the ranking takes more than two lines of a terminal."""
_COLUMNS = 80
_UNRANKED = 12
"""Members that did not finish, told on a terminal."""


@dataclass(frozen=True)
class Told:
    """A part with what was computed of it; `picture` is its file, "" without one."""

    ranking: Ranking
    importance: Importance
    picture: str = ""


def blocks(
    sweep: Sweep, parts: Sequence[Told], *, terminal: bool = False, unranked: bool = True
) -> list[Block]:
    """The report; on a terminal without pictures, and of long lists the beginning."""
    found: list[Block] = [] if terminal else [generated("the runs of this folder")]
    found.append(Heading(f"{'Sweep' if sweep.record else 'Runs below'} {sweep.name}: {sweep.counts()}", 1))
    for told in parts:
        if len(parts) > 1:
            found.append(Heading(told.ranking.part.task))
        found += _part(sweep, told, terminal)
    lines = words.all_unfinished(sweep) if unranked else []
    if lines:
        more = f"and {len(lines) - _UNRANKED} more, in report.md"
        found += [] if terminal else [Heading("Not ranked")]
        found.append(Bullets([*lines[:_UNRANKED], more] if terminal and len(lines) > _UNRANKED else lines))
    total = words.cost(sweep.entries, sweep.record)
    return [*found, Bullets([total])] if total else found


def _part(sweep: Sweep, told: Told, terminal: bool) -> list[Block]:
    ranking = told.ranking
    said = words.finding(ranking), words.alike(ranking), words.budgets(ranking)
    found: list[Block] = [Bullets([line for line in said if line])]
    if told.picture and not terminal:
        found.append(Picture(told.picture, words.finding(ranking)))
    top = TOP if len(ranking.settings) <= _MANY else TOP // 2
    some = ranking.groups[:top] if terminal else ranking.groups
    found.append(_ranking(ranking, some, terminal) if ranking.settings else _by_seed(ranking, terminal))
    if ranking.settings:
        found.append(_differing(told))
    if ranking.part.runs:
        found.append(_cost(ranking, some))
    found.append(Bullets(words.basis(ranking, told.importance)))
    first = ranking.groups[0].entries[0]
    place = shown_path(first.folder)
    return [
        *found,
        Bullets([f"The first lies in {place}; to train it again:"]),
        Code(words.again(sweep, ranking)),
    ]


def _ranking(ranking: Ranking, groups: Sequence[Group], terminal: bool) -> Table:
    """A column for each setting where they have room, else one for all of them."""
    part = ranking.part
    columns = {"#": [str(place) for place in range(1, len(groups) + 1)]}
    if all(len(group.entries) == 1 for group in ranking.groups):
        columns["run"] = [str(group.entries[0].number) for group in groups]
    figures = _figures(part, groups)
    if any(len(group.figures) > 1 for group in ranking.groups):
        figures["n"] = [str(len(group.figures)) for group in groups]
        if len(ranking.groups) > 1:
            figures["p"] = [_chance(ranking.groups[0], group) for group in groups]
    names = short_names(ranking.settings)
    apart = {name: [shown(group.values[place]) for group in groups] for place, name in enumerate(names)}
    if terminal and _width(columns | apart | figures) > _COLUMNS:
        values = (zip(names, map(shown, group.values), strict=True) for group in groups)
        apart = {"settings": [" ".join(map("=".join, pairs)) for pairs in values]}
    texts = [name for name, one in zip(names, ranking.settings, strict=True) if not one.numeric]
    more = len(ranking.groups) - len(groups)
    title = f"Ranking by validation {part.metric.name}{_caveat(part)}"
    beneath = [f"and {more} more, in report.md"] if more else []
    return _table(title, columns | apart | figures, (*texts, "settings"), beneath)


def _by_seed(ranking: Ranking, terminal: bool) -> Table:
    """Where nothing else differs there is no rank."""
    group = ranking.groups[0]
    entries = sorted(group.entries, key=drawn_order)
    some = entries[:TOP] if terminal else entries
    alone = [replace(group, entries=[entry]) for entry in some]
    seeds = [entry.drawn() for entry in some]
    columns = {"seed": [str(seed) for seed, _ in seeds]}
    if any(fold is not None for _, fold in seeds):
        columns["fold"] = [str(fold) for _, fold in seeds]
    title = f"{ranking.part.metric.name[0].upper()}{ranking.part.metric.name[1:]}{_caveat(ranking.part)}"
    beneath = [f"and {len(entries) - len(some)} more, in report.md"] if len(entries) > len(some) else []
    return _table(title, columns | _figures(ranking.part, alone), (), beneath)


def _caveat(part: Part) -> str:
    return f" ({part.caveat})" if part.caveat else ""


def _figures(part: Part, groups: Sequence[Group]) -> dict[str, list[str]]:
    """The validation figure, the test figure, and what stands beside it."""
    split = part.headline.rpartition("/")[0]
    figures = {
        "validation": [number(group.mean, group.half, part.metric) for group in groups],
        part.metric.split or split: [_tested(group, part.headline) for group in groups],
    }
    for name in part.metric.beside:
        head = metric_of(name).name.partition(",")[0]
        figures[f"{part.metric.split or split} {head}"] = [
            _tested(group, f"{split}/{name}") for group in groups
        ]
    return figures


def _tested(group: Group, key: str) -> str:
    """The mean of a test figure, with half its interval."""
    metric = group.part.metric if key == group.part.headline else metric_of(key)
    values = [run.metrics[key] * metric.scale for run in group.line.runs if key in run.metrics]
    return number(*interval(values, overlap=group.overlap), metric) if values else NONE


def _chance(first: Group, group: Group) -> str:
    p = None if group is first else first.against(group).p
    return NONE if p is None else "<0.001" if p < 0.001 else f"{p:.2g}" if p < LEVEL else f"{p:.2f}"


def _differing(told: Told) -> Table:
    parts = told.importance.parts
    keys, values = zip(*words.values_told(told.ranking), strict=True)
    columns = {"setting": [*keys], "values": [*values]}
    if parts:
        columns["importance"] = [f"{100 * parts[key]:.0f} %" if key in parts else NONE for key in keys]
    return _table("What differs", columns, ("values",))


def _cost(ranking: Ranking, groups: Sequence[Group]) -> Table:
    """Means over the runs of each line."""
    lines = [group.line for group in groups]
    unit, seconds = costs.clock(max((run.wall_s for run in ranking.part.runs), default=0.0))
    machines = [sorted({run.hardware.slug for run in line.runs}) for line in lines]
    trained = [NONE if line.training_s is None else f"{line.training_s / seconds:.1f}" for line in lines]
    columns = {
        "#": [str(place) for place in range(1, len(groups) + 1)],
        f"training, {unit}": [
            marked(text, line.processor) for text, line in zip(trained, lines, strict=True)
        ],
        "in all": [
            f"{fmean(run.wall_s for run in line.runs) / seconds:.1f}" if line.runs else NONE for line in lines
        ],
        "tokens/s": [
            marked(count(line.pace), line.processor) if len(on) == 1 else NONE
            for line, on in zip(lines, machines, strict=True)
        ],
        "parameters": [count(line.parameters) for line in lines],
        "peak memory": [costs.memory(line) for line in lines],
    }
    if len({slug for on in machines for slug in on}) > 1:
        columns["machine"] = [", ".join(on) or NONE for on in machines]
    return _table("Time and cost of a run", costs.filled(columns), ("machine",))


def _table(
    title: str, columns: Mapping[str, Sequence[str]], texts: Sequence[str], notes: Sequence[str] = ()
) -> Table:
    return Table(title, list(columns), list(zip(*columns.values(), strict=True)), words=texts, notes=notes)


def _width(columns: Mapping[str, Sequence[str]]) -> int:
    """Of a table on a terminal."""
    return 2 + sum(2 + max(map(len, (head, *cells))) for head, cells in columns.items())
