"""From run records to tables and figures: nothing here trains; importing it loads no torch and no pandas."""

from sru_repro.reporting.compare import compare
from sru_repro.reporting.console import console_table
from sru_repro.reporting.figure import draw_figure, write_figure
from sru_repro.reporting.publish import publish
from sru_repro.reporting.records import frame, load_records, read_record
from sru_repro.reporting.report import report
from sru_repro.reporting.table import render_table, write_table
from sru_repro.reporting.verdict import verdict

__all__ = [
    "compare",
    "console_table",
    "draw_figure",
    "frame",
    "load_records",
    "publish",
    "read_record",
    "render_table",
    "report",
    "verdict",
    "write_figure",
    "write_table",
]
