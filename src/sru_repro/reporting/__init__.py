"""From run records to tables and figures: nothing here trains; importing it loads no torch and no pandas."""

from ..records.run import read_record
from .compare import compare
from .report import report
from .runs.figure import draw_figure, write_figure
from .runs.publish import publish
from .runs.records import frame, load_records
from .runs.table import console_table, render_table, write_table
from .runs.verdict import verdict

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
