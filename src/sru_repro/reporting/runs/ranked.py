"""The one table that a page opens with: at most eight columns, the best row first and in bold, and whether it is as in
the paper."""

from collections.abc import Sequence
from dataclasses import replace

from ..document import NONE, Table
from ..findings import clocks, standings
from ..findings.standing import Standing
from ..findings.verdicts import HEAD, of_line
from ..layout import bold
from ..numbers import listed
from . import cells, columns, costs
from .line import Line
from .records import metric_head
from .sections import TASKS, TableSection

MOST = 8
"""Columns."""
ALIKE = "≈"
_LEVEL = f"{ALIKE} not told apart from the best"


def ranked_table(table: str, section: TableSection) -> Table:
    """The rows that ran, ranked by their headline; of several data sets by the mean over those that all have."""
    found = standings(table, section)
    return _wide(section, found) if table in TASKS else _narrow(section, found)


def _narrow(section: TableSection, found: Sequence[Standing]) -> Table:
    lines = _in_order(section, found)
    metric, headline = lines[0].metric, lines[0].runs[0].headline
    alike = _alike(found[0]) if found else set()
    papers = columns.has_paper(section)
    best = found[0].ranked[0].name if found else ""
    figures = [_figure(line, best, alike) for line in lines]
    told: dict[str, list[str]] = {"model": [line.label for line in lines], metric_head(headline): figures}
    if papers:
        told["paper"] = [cells.paper(line, metric) for line in lines]
        told[HEAD] = [of_line(line) for line in lines]
    told |= columns.beside(lines, headline, with_paper=False)
    told |= _costs(lines)
    told["parameters"] = [cells.count(line.parameters) for line in lines]
    heads = list(told)[:MOST]
    body = list(zip(*(told[head] for head in heads), strict=True))
    return Table("", heads, body, words=(HEAD,), notes=_notes(found))


def _costs(lines: Sequence[Line]) -> dict[str, list[str]]:
    """Pace, speed against LSTM and time of training; in time of the processor where other work had a part of it, as
    the clock compares nothing then. Where that time is not known, only the marked pace."""
    by_clock = any(line.by_clock for line in lines)
    kind = clocks.comparable(lines)
    if kind == clocks.PROCESSOR:
        return costs.processor_time(lines, trained=not by_clock)
    pace = "seconds per epoch" if lines[0].metric.per_epoch else "tokens/s"
    speeds = costs.speeds(lines, with_paper=False)
    told = {pace: speeds[pace]}
    if kind == clocks.CLOCK:
        told |= costs.filled({"speed against LSTM": speeds["speed against LSTM"]})
    return told | ({} if by_clock else costs.training(lines))


def _in_order(section: TableSection, found: Sequence[Standing]) -> list[Line]:
    """Ranked rows, then those that diverged or have no mean."""
    ran = [line for line in section.lines(section.tasks[0]) if line.runs]
    ranked = list(found[0].ranked) if found else []
    known = {line.name for line in ranked}
    return [*ranked, *(line for line in ran if line.name not in known)]


def _figure(line: Line, best: str, alike: set[str]) -> str:
    text = cells.measured(line)
    return bold(text) if line.name == best else f"{text} {ALIKE}" if line.name in alike else text


def _alike(found: Standing) -> set[str]:
    """Rows that a test does not tell from the best."""
    best = found.ranked[0]
    return {line.name for line in found.ranked[1:] if found.pair(best, line).differs is False}


def _notes(found: Sequence[Standing]) -> list[str]:
    """How the mark came about."""
    several = [one for one in found if len(one.ranked) > 1]
    if not any(map(_alike, several)):
        return []
    single = any(one.runs == 1 for one in several)
    folded = any(line.folded for one in several for line in one.ranked)
    how = "at 5 %, by a paired test over folds" if folded else "at 5 %, by Welch's test over seeds"
    borrowed = f", single runs by {listed(sorted({one.spread_told for one in several}))}" if single else ""
    return [f"{_LEVEL} {how}{borrowed}, with Holm's correction."]


def _wide(section: TableSection, found: Sequence[Standing]) -> Table:
    """A column for each data set."""
    by_task = {one.ranked[0].task: one for one in found}
    tasks = [task for task in section.tasks if task in by_task][: MOST - 2]
    rows = {line.name: line.label for task in tasks for line in section.lines(task) if line.runs}
    lines = {(line.name, task): line for task in tasks for line in section.lines(task) if line.runs}
    means = {(line.name, task): line.mean for task in tasks for line in by_task[task].ranked}
    common = [task for task in tasks if all((name, task) in means for name in rows)]

    def place(name: str) -> float:
        return -sum(means[name, task] for task in common)

    order = sorted(rows, key=place)
    told = {"model": [rows[name] for name in order]}
    for task in tasks:
        best, alike = by_task[task].ranked[0].name, _alike(by_task[task])
        told[task.upper()] = [
            _with_paper(line, _figure(line, best, alike))
            if (line := lines.get((name, task)))
            else cells.NOT_RUN
            for name in order
        ]
    answers = [[of_line(lines[name, task]) for task in tasks if (name, task) in lines] for name in order]
    told[HEAD] = ["\n".join(_counted(found)) for found in answers]
    body = list(zip(*told.values(), strict=True))
    return Table("", list(told), body, words=(HEAD,), notes=_notes(found))


def _with_paper(line: Line, text: str) -> str:
    return f"{text}\npaper {cells.paper(line, line.metric)}" if line.paper_number else text


def _counted(answers: Sequence[str]) -> list[str]:
    """Each answer once, with how often where there are several."""
    known = [answer for answer in answers if answer != NONE]
    each = dict.fromkeys(known)
    return [f"{known.count(answer)} × {answer}" if len(each) > 1 else answer for answer in each]


def on_a_terminal(table: Table) -> Table:
    """For 80 columns: no signs of bold letters, verdicts in a word, and without the lesser figures."""
    lesser = ("parameters", "training", "dev exact match")
    kept = table.without([head for head in table.heads if head.startswith(lesser)])
    verdict = kept.heads.index(HEAD) if HEAD in kept.heads else -1
    body = [
        [
            cell.partition(":")[0] if place == verdict else cell.replace("**", "")
            for place, cell in enumerate(row)
        ]
        for row in kept.body
    ]
    return replace(kept, body=body)
