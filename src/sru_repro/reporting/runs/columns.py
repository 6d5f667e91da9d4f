"""Which columns a table has, and what stands in their cells."""

from collections.abc import Mapping, Sequence

from ..document import NONE, Table
from ..findings.verdicts import of_line
from . import costs
from .cells import count, measured, measured_beside, paper, paper_beside, paper_size, seeds
from .line import Line, Row
from .records import METRICS, metric_head, metric_of
from .sections import TASKS, TableSection


def has_paper(section: TableSection) -> bool:
    """Whether any row has a number of the paper's beside it."""
    return any(line.paper_number for line in section.lines())


def table_of(table: str, section: TableSection) -> Table:
    """A section in full, run or not: with a column per data set where the table has several."""
    return _turned(wide(section) if table in TASKS else narrow(section))


def narrow(section: TableSection) -> dict[str, list[str]]:
    """The columns of a section with one task; the paper's only where a row has a number of the paper's."""
    lines = section.lines(section.tasks[0])
    first = next(line for line in lines if line.runs)
    metric, headline, with_paper = first.metric, first.runs[0].headline, has_paper(section)
    ours = {metric_head(headline): [measured(line) for line in lines]}
    sizes, papers = {}, {}
    if with_paper:
        sizes = {"paper's size": [paper_size(line) for line in lines]}
        head = _paper_head(headline) if metric.beside else "paper"
        papers = {head: [paper(line, metric) for line in lines]}
    by_clock = any(line.by_clock for line in lines)
    return {
        "model": [line.label for line in lines],
        "parameters": [count(line.parameters) for line in lines],
        **(sizes | ours | papers | beside(lines, headline, with_paper)),
        **costs.speeds(lines, with_paper),
        **(costs.training(lines) if by_clock or not metric.per_epoch else {}),
        **(costs.epochs(lines) if by_clock and metric.per_epoch else {}),
        **({} if metric.per_epoch else costs.paper_cost(lines)),
        "peak memory": [costs.memory(line) for line in lines],
        "seeds": [seeds(line) for line in lines],
    }


def beside(lines: Sequence[Line], headline: str, with_paper: bool) -> dict[str, list[str]]:
    """Columns of the metrics beside the headline, each with the paper's."""
    columns, split = {}, headline.rpartition("/")[0]
    for name in metric_of(headline).beside:
        columns[metric_head(f"{split}/{name}")] = [measured_beside(line, name) for line in lines]
        if with_paper:
            columns[_paper_head(name)] = [paper_beside(line, name) for line in lines]
    return costs.filled(columns)


def _paper_head(name: str) -> str:
    return f"paper's {metric_of(name).name}"


def waiting(table: str, rows: Sequence[Row], headline: str) -> Table:
    """What was not run: sizes, the paper's number, and what it cost the paper."""
    lines = [Line.of(row, table) for row in rows]
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


def wide(section: TableSection) -> dict[str, list[str]]:
    """A column per data set, whose cells hold our number, the paper's and the verdict."""
    rows = list(zip(*(section.lines(task) for task in section.tasks), strict=True))
    sizes = [sorted({line.parameters for line in lines if line.parameters is not None}) for lines in rows]
    return {
        "model": [lines[0].label for lines in rows],
        "parameters": [" / ".join(map(count, known)) for known in sizes],
        **{
            task.upper(): [_three(lines[place]) for lines in rows] for place, task in enumerate(section.tasks)
        },
    }


def _three(line: Line) -> str:
    """Our number, the paper's and the verdict, a line each."""
    metric = line.metric if line.runs else METRICS["accuracy"]
    beside = f"paper {paper(line, metric)}" if line.paper_number else ""
    return "\n".join(part for part in (measured(line), beside, of_line(line).removeprefix(NONE)) if part)


def _turned(columns: Mapping[str, Sequence[str]]) -> Table:
    """Columns as a table."""
    return Table("", list(columns), list(zip(*columns.values(), strict=True)), words=("seeds",))
