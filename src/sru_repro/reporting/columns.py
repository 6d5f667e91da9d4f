"""What stands in the cells of a table, as text: the same for Markdown and for the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sru_repro.reporting.records import FOLDS, METRICS, Metric, metric_of
from sru_repro.reporting.sections import REFERENCE, Line, Row, Section, line_of
from sru_repro.reporting.verdict import digits

NONE = "—"
NOT_RUN = "not run"
LEFT = ("model", "verdict", "seeds")
"""Columns of words, flush left; numbers are flush right."""


TRAINING, GPU_HOURS, EPOCH_MINUTES = "training", "paper's GPU hours", "paper's minutes per epoch"


def has_paper(section: Section) -> bool:
    """Whether any row has a number of the paper's beside it."""
    return any(line.paper_number for task in section.tasks for line in section.lines(task))


def narrow(section: Section, notes: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of a section with one task; the paper's columns only where a row has a number of the paper's.

    A reason listed in `notes` appears as its mark: [1], [2] ...
    """
    lines = section.lines(section.tasks[0])
    first = next(line for line in lines if line.runs)
    metric, lstm = first.metric, reference(lines)
    ours = {metric_head(first.runs[0]["headline"]): [measured(line) for line in lines]}
    sizes, verdicts, speeds = {}, {}, {}
    if has_paper(section):
        sizes = {"paper's size": [paper_size(line) for line in lines]}
        verdicts = {
            "paper": [paper(line, metric) for line in lines],
            "verdict": [judged(line, notes) or NONE for line in lines],
        }
        speeds = _filled({"paper's speed": [paper_speed(line, lstm) for line in lines]})
    return _turned(
        {
            "model": [line.label for line in lines],
            "parameters": [count(line.parameters) for line in lines],
            **(sizes | ours | verdicts),
            "seconds per epoch" if metric.per_epoch else "tokens/s": [pace(line) for line in lines],
            "speed against LSTM": [speed(line, lstm) for line in lines],
            **speeds,
            **({} if metric.per_epoch else _training(lines) | _paper_cost(lines)),
            "peak memory": [memory(line) for line in lines],
            "seeds": [seeds(line) for line in lines],
        }
    )


def waiting(table: str, rows: Sequence[Row], headline: str) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of what was not run: sizes, the paper's number, and what it cost the paper."""
    lines = [line_of(row, table) for row in rows]
    return _turned(
        {
            "model": [line.label for line in lines],
            "parameters": [count(line.parameters) for line in lines],
            "paper's size": [paper_size(line) for line in lines],
            f"paper, {metric_head(headline)}" if headline else "paper": [
                paper(line, metric_of(headline)) for line in lines
            ],
            **_paper_cost(lines),
        }
    )


def metric_head(headline: str) -> str:
    """A headline such as "test/bpc" as the head of a column."""
    return f"{headline.rpartition('/')[0]} {metric_of(headline).name}".strip()


def _turned(columns: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Heads, and the cells row by row."""
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _filled(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The columns in which anything stands."""
    return {head: found for head, found in columns.items() if set(found) != {NONE}}


def _training(lines: Sequence[Line]) -> dict[str, list[str]]:
    """How long was trained, all rows in one unit."""
    found = [line.training_s for line in lines]
    unit, seconds = clock(max((value for value in found if value), default=0.0))
    texts = [NONE if value is None else f"{value / seconds:.1f}" for value in found]
    return _filled({f"{TRAINING}, {unit}": texts})


def _paper_cost(lines: Sequence[Line]) -> dict[str, list[str]]:
    """What a row cost the paper, where it says so."""
    found = {}
    for head, key in ((GPU_HOURS, "gpu_hours"), (EPOCH_MINUTES, "minutes_per_epoch")):
        costs = [line.paper.get(key) for line in lines]
        found[head] = [
            NONE if cost is None else f"{cost:,g}" + unconfirmed(line, key)
            for cost, line in zip(costs, lines, strict=True)
        ]
    return _filled(found)


def clock(longest: float) -> tuple[str, float]:
    """The unit in which to tell times up to so many seconds, and its seconds."""
    units = (("hours", 3600.0, 7200.0), ("minutes", 60.0, 200.0), ("seconds", 1.0, 0.0))
    return next((unit, seconds) for unit, seconds, least in units if longest >= least)


def reference(lines: Sequence[Line]) -> Line | None:
    """The LSTM that speeds are told against: the first that ran, in a table that may have several."""
    found = [line for line in lines if line.name.startswith("lstm")]
    return next((line for line in found if line.runs), found[0] if found else None)


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
    return paper_text(*line.paper_number, metric) + unconfirmed(line, "metric")


def unconfirmed(line: Line, key: str) -> str:
    """The mark of a number of the paper's whose source could not be checked.

    `paper.unconfirmed` is true for all numbers of a row, or lists keys of `paper` such as parameters.
    """
    found = line.paper.get("unconfirmed") or ()
    return " (unconfirmed)" if found is True or key in found else ""


def paper_text(mean: float, dev: float | None, metric: Metric) -> str:
    """The paper's mean ± deviation with the digits that it prints, which may be fewer than ours."""
    places = digits(mean, metric.paper_decimals)
    return f"{mean:.{places}f}" if dev is None else f"{mean:.{places}f} ± {dev:.{places}f}"


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
    """Times as fast as the LSTM by the paper's own times, on the paper's GPU."""
    for key in ("seconds", "minutes_per_epoch"):
        own, base = line.paper.get(key), lstm and lstm.paper.get(key)
        if lstm and own and base:
            return f"{base / own:.1f}×" + (unconfirmed(line, key) or unconfirmed(lstm, key))
    return NONE


def memory(line: Line) -> str:
    """Peak memory in MiB."""
    return NONE if line.peak_bytes is None else f"{line.peak_bytes / 2**20:,.0f} MiB"


def seeds(line: Line) -> str:
    """The seeds, as a list."""
    return ", ".join(map(str, line.seeds)) or NONE


def paper_size(line: Line) -> str:
    """Parameters as the paper tells them."""
    size = line.paper.get("parameters")
    return rounded(size) + (unconfirmed(line, "parameters") if size else "")


def rounded(value: int | None) -> str:
    """A size as the papers print it, 204k or 37m, or in full where it is known so."""
    if not value or value % 1000:
        return count(value)
    return f"{value // 1000}k" if value % 1_000_000 else f"{value // 1_000_000}m"


def count(value: float | None) -> str:
    """A whole number with thousands commas."""
    return NONE if value is None else f"{value:,.0f}"
