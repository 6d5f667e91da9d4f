"""All tables and pictures of `results/`, made again from the committed records."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .bench.decode import report_decode
from .bench.speed import report_speed
from .gpu.document import report_cuda
from .runs.figure import write_figure
from .runs.records import load_records
from .runs.sections import Row, sections
from .runs.table import write_table

PROFILES = ("paper", "short")
"""What may be quoted; smoke runs only show that the parts fit together."""


def report(results: Path, rows_by_table: Mapping[str, Sequence[Row]]) -> list[Path]:
    """Write `<table>.md` and `<table>.png` for each table with runs in `results/runs`, and those of speed,
    of decoding and of CUDA cards.

    Returns the files written.
    """
    records = [run for run in load_records(results / "runs") if run["profile"] in PROFILES]
    written = []
    for table in sorted({run["table"] for run in records if run["table"]}):
        own = [run for run in records if run["table"] == table]
        rows = rows_by_table.get(table, ())
        picture = f"{table}.png" if sections(table, own, rows) else ""
        write_table(table, own, rows, results / f"{table}.md", picture)
        written.append(results / f"{table}.md")
        if picture:
            write_figure(table, own, rows, results / picture)
            written.append(results / picture)
    return written + report_speed(results) + report_decode(results) + report_cuda(results)
