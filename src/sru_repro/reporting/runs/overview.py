"""The few lines of results in README.md: SRU, SRU++ and LSTM side by side, and what may be compared."""

from collections.abc import Mapping, Sequence

from ...records.run import RunRecord
from .. import facts
from ..document import NONE, Block, Bullets, Table
from ..marks import marked
from . import cells
from .line import Line, Row
from .records import metric_head, metric_of
from .sections import TableSection, sections

MODELS = {"sru": "SRU", "srupp": "SRU++", "lstm": "LSTM"}
"""By name in the configuration. Of several rows of a model the first of the table stands here, tuned to nothing."""
_HEADS = ("task", *MODELS.values(), "SRU's speed against LSTM", "minutes of training", "papers: SRU, LSTM")


def overview(records: Sequence[RunRecord], rows_by_table: Mapping[str, Sequence[Row]]) -> list[Block]:
    """A row for each table with runs: of its first section, which is the paper's profile or else the fullest."""
    shown: dict[str, tuple[TableSection, dict[str, Line]]] = {}
    for table in sorted({run.table for run in records if run.table}):
        for section in sections(table, records, rows_by_table.get(table, ()))[:1]:
            lines = _of_models(section)
            if {"sru", "lstm"} <= lines.keys():
                shown[table] = section, lines
    body = [_row(table, lines) for table, (_, lines) in shown.items()]
    hardware = facts.unique(section.hardware for section, _ in shown.values())
    told = [f"Mean ± deviation over n seeds. Hardware: {'; '.join(hardware)}."]
    return [Table("", _HEADS, body, words=_HEADS[-1:]), Bullets([*told, _comparable(shown)])]


def _of_models(section: TableSection) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for line in section.lines():
        if line.runs and not line.mixed and line.model in MODELS:
            found.setdefault(line.model, line)
    return found


def _row(table: str, lines: Mapping[str, Line]) -> list[str]:
    sru, lstm = lines["sru"], lines["lstm"]
    speed = sru.speed_against(lstm)
    longest = max(lines.values(), key=lambda line: line.training_s or 0.0)
    papers = [cells.paper(line, metric_of(line.runs[0].headline)) for line in (sru, lstm)]
    return [
        f"[{table}](results/{table}.md), {metric_head(sru.runs[0].headline)}",
        *(cells.measured(lines[name]) if name in lines else NONE for name in MODELS),
        NONE if speed is None else marked(f"{speed:.2f}×", sru.processor, lstm.processor),
        marked(f"{(longest.training_s or 0.0) / 60:.0f}", longest.processor),
        NONE if papers == [NONE, NONE] else ", ".join(papers),
    ]


def _comparable(shown: Mapping[str, tuple[TableSection, Mapping[str, Line]]]) -> str:
    """Which tables stand beside the papers' numbers, and what forbids it for the others."""
    whose: dict[str, list[str]] = {}
    for table, (_, lines) in shown.items():
        found = (reason for line in lines.values() for told in line.why_not for reason in told.split("; "))
        for reason in facts.unique(found):
            whose.setdefault(reason, []).append(table)
    free = [table for table in shown if not any(table in tables for tables in whose.values())]
    reasons = [
        f"{reason} ({'all' if len(tables) == len(shown) else ', '.join(tables)})"
        for reason, tables in sorted(whose.items(), key=lambda item: -len(item[1]))
    ]
    forbidden = f"Not comparable: {'; '.join(reasons)}." if reasons else ""
    return f"Comparable with the papers' numbers: {', '.join(free) or 'none yet'}. {forbidden}".strip()
