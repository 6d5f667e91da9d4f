"""What stands in the cells of a table, as text: the same for Markdown and for the terminal."""

from collections import Counter
from collections.abc import Sequence

from sru_repro.reporting.records import FOLDS, METRICS, Metric
from sru_repro.reporting.sections import REFERENCE, Line, Section

NONE = "—"
NOT_RUN = "not run"
LEFT = ("model", "verdict", "seeds")
"""Columns of words, flush left; numbers are flush right."""


def headers(section: Section) -> list[str]:
    """The column heads of a section with one task; paper's columns only where a row has a paper's number."""
    line = next(line for line in section.lines(section.tasks[0]) if line.runs)
    split, _, _ = line.runs[0]["headline"].rpartition("/")
    metric = f"{split} {line.metric.name}".strip()
    pace = "seconds per epoch" if line.metric.per_epoch else "tokens/s"
    if not has_paper(section):
        return ["model", "parameters", metric, pace, "speed against LSTM", "peak memory", "seeds"]
    ours = [pace, "speed against LSTM", "paper's speed", "peak memory", "seeds"]
    return ["model", "parameters", "paper's size", metric, "paper", "verdict", *ours]


def has_paper(section: Section) -> bool:
    """Whether any row has a number of the paper's beside it."""
    return any(line.paper_number for task in section.tasks for line in section.lines(task))


def cells(section: Section, notes: Sequence[str] = ()) -> list[list[str]]:
    """The text of every row under `headers`; a reason listed in `notes` appears as its mark: [1], [2] ..."""
    lines = section.lines(section.tasks[0])
    metric = next(line.metric for line in lines if line.runs)
    lstm = next((line for line in lines if line.name == "lstm"), None)
    rows = []
    for line in lines:
        start, end = [line.label, count(line.parameters)], [memory(line), seeds(line)]
        if has_paper(section):
            size = rounded(line.paper.get("parameters"))
            middle = [size, measured(line), paper(line, metric), judged(line, notes) or NONE]
            middle += [pace(line), speed(line, lstm), paper_speed(line, lstm)]
        else:
            middle = [measured(line), pace(line), speed(line, lstm)]
        rows.append([*start, *middle, *end])
    return rows


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


def measured(line: Line) -> str:
    """Our mean ± deviation and the number of runs."""
    if not line.runs:
        return NOT_RUN
    if line.mixed:
        return f"{NONE} (runs on different states of the data)"
    complete = f"{len(line.seeds)} × {FOLDS} folds" if line.folded else f"n={len(line.runs)}"
    return f"{number(line.mean, line.deviation, line.metric)} ({line.missing_folds or complete})"


def paper(line: Line, metric: Metric) -> str:
    """The paper's mean ± deviation, marked when its source could not be checked."""
    if line.paper_number is None:
        return NONE
    mark = " (unconfirmed)" if line.paper.get("unconfirmed") else ""
    return number(*line.paper_number, metric) + mark


def judged(line: Line, notes: Sequence[str]) -> str:
    """The verdict, with reasons that several rows share replaced by their mark."""
    return "" if line.mixed else line.verdict([mark(reason, notes) for reason in line.why_not])


def mark(reason: str, notes: Sequence[str]) -> str:
    """The mark of a reason that is noted under the table; else the reason itself."""
    return f"[{notes.index(reason) + 1}]" if reason in notes else reason


def shared_reasons(section: Section) -> list[str]:
    """Reasons against a comparison that several cells would repeat."""
    lines = [line for task in section.tasks for line in section.lines(task) if line.paper_number]
    reasons = Counter(reason for line in lines for reason in line.why_not)
    return [reason for reason, times in reasons.items() if times > 1]


def number(mean: float, dev: float | None, metric: Metric) -> str:
    """Mean ± deviation with the metric's decimals."""
    text = f"{mean:.{metric.decimals}f}"
    return text if dev is None else f"{text} ± {dev:.{metric.decimals}f}"


def pace(line: Line) -> str:
    """Seconds per epoch, or tokens per second, as mean over the runs."""
    if not line.runs:
        return NONE
    if line.metric.per_epoch:
        seconds = line.throughput("seconds_per_epoch")
        return NONE if seconds is None else f"{seconds:.1f}"
    return count(line.throughput("tokens_per_s"))


def speed(line: Line, lstm: Line | None) -> str:
    """Times as fast as the section's LSTM; the reference loop is named, as it is not meant to be fast."""
    ratio = line.speed_against(lstm)
    slow = f" ({REFERENCE})" if REFERENCE in line.backends else ""
    return NONE if ratio is None else f"{ratio:.2f}×{slow}"


def paper_speed(line: Line, lstm: Line | None) -> str:
    """Times as fast as the LSTM by the paper's own seconds, on the paper's GPU."""
    own, base = line.paper.get("seconds"), lstm and lstm.paper.get("seconds")
    return f"{base / own:.1f}×" if own and base else NONE


def memory(line: Line) -> str:
    """Peak memory in MiB."""
    return NONE if line.peak_bytes is None else f"{line.peak_bytes / 2**20:,.0f} MiB"


def seeds(line: Line) -> str:
    """The seeds, as a list."""
    return ", ".join(map(str, line.seeds)) or NONE


def rounded(value: int | None) -> str:
    """A size as the papers print it, 204k or 37m, or in full where it is known so."""
    if not value or value % 1000:
        return count(value)
    return f"{value // 1000}k" if value % 1_000_000 else f"{value // 1_000_000}m"


def count(value: float | None) -> str:
    """A whole number with thousands commas."""
    return NONE if value is None else f"{value:,.0f}"
