"""Which columns a table has, and what stands in their cells, as text: the same for Markdown and for the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from . import costs
from .cells import NONE, count, judged, measured, measured_beside, paper, paper_beside, paper_size, seeds
from .records import METRICS, metric_head, metric_of
from .sections import Line, Row, Section, line_of

LEFT = ("model", "verdict", "seeds")
"""Columns of words, flush left; numbers are flush right."""


def has_paper(section: Section) -> bool:
    """Whether any row has a number of the paper's beside it."""
    return any(line.paper_number for task in section.tasks for line in section.lines(task))


def narrow(section: Section, notes: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of a section with one task; the paper's columns only where a row has a number of the paper's.

    A reason listed in `notes` appears as its mark: [1], [2] ...
    """
    lines = section.lines(section.tasks[0])
    first = next(line for line in lines if line.runs)
    metric, headline, with_paper = first.metric, first.runs[0]["headline"], has_paper(section)
    ours = {metric_head(headline): [measured(line) for line in lines]}
    sizes, verdicts = {}, {}
    if with_paper:
        sizes = {"paper's size": [paper_size(line) for line in lines]}
        verdicts = {
            _paper_head(headline) if metric.beside else "paper": [paper(line, metric) for line in lines],
            "verdict": [judged(line, notes) or NONE for line in lines],
        }
    by_clock = any(line.by_clock for line in lines)
    return _turned(
        {
            "model": [line.label for line in lines],
            "parameters": [count(line.parameters) for line in lines],
            **(sizes | ours | verdicts | _beside(lines, headline, with_paper)),
            **costs.speeds(lines, with_paper),
            **(costs.training(lines) if by_clock or not metric.per_epoch else {}),
            **(costs.epochs(lines) if by_clock and metric.per_epoch else {}),
            **({} if metric.per_epoch else costs.paper_cost(lines)),
            "peak memory": [costs.memory(line) for line in lines],
            "seeds": [seeds(line) for line in lines],
        }
    )


def _beside(lines: Sequence[Line], headline: str, with_paper: bool) -> dict[str, list[str]]:
    """Columns of the metrics beside the headline, each with the paper's."""
    columns, split = {}, headline.rpartition("/")[0]
    for name in metric_of(headline).beside:
        columns[metric_head(f"{split}/{name}")] = [measured_beside(line, name) for line in lines]
        if with_paper:
            columns[_paper_head(name)] = [paper_beside(line, name) for line in lines]
    return costs.filled(columns)


def _paper_head(name: str) -> str:
    return f"paper's {metric_of(name).name}"


def waiting(table: str, rows: Sequence[Row], headline: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of what was not run: sizes, the paper's number, and what it cost the paper."""
    lines = [line_of(row, table) for row in rows]
    others = {
        f"paper, {metric_head(name)}": [paper_beside(line, name) for line in lines]
        for name in metric_of(headline).beside
    }
    return _turned(
        {
            "model": [line.label for line in lines],
            "parameters": [count(line.parameters) for line in lines],
            "paper's size": [paper_size(line) for line in lines],
            f"paper, {metric_head(headline)}" if headline else "paper": [
                paper(line, metric_of(headline)) for line in lines
            ],
            **costs.filled(others),
            **costs.paper_cost(lines),
        }
    )


def _turned(columns: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Heads, and the cells row by row."""
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def wide(section: Section, notes: Sequence[str], newline: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows with a column per data set, whose cells hold our number, the paper's and the verdict."""
    body = []
    for lines in zip(*(section.lines(task) for task in section.tasks), strict=True):
        sizes = sorted({line.parameters for line in lines if line.parameters is not None})
        row = [lines[0].label, " / ".join(map(count, sizes)) or NONE]
        for line in lines:
            metric = line.metric if line.runs else METRICS["accuracy"]
            beside = f"paper {paper(line, metric)}" if line.paper_number else ""
            parts = (measured(line), beside, judged(line, notes))
            row.append(newline.join(part for part in parts if part))
        body.append(row)
    return ["model", "parameters", *(task.upper() for task in section.tasks)], body


def shared_reasons(section: Section) -> list[str]:
    """Reasons against a comparison that several cells would repeat."""
    lines = [line for task in section.tasks for line in section.lines(task) if line.paper_number]
    reasons = Counter(reason for line in lines for reason in line.why_not)
    return [reason for reason, times in reasons.items() if times > 1]
