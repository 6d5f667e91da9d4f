"""All tables and pictures of `results/`, made again from the committed records."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..records.run import PUBLISHED, RunRecord
from .bench.decode import report_decode
from .bench.decode_findings import decode_answer, decode_beside
from .bench.speed import report_speed
from .bench.speed_findings import speed_answer, speed_beside
from .gpu.document import report_cuda
from .gpu.finding import cuda_answer, cuda_beside
from .inserted import insert, keys_of
from .reliability import report_reliability
from .runs.line import Row
from .runs.overview import Finding, findings, overview
from .runs.publish import publish_packed
from .runs.records import load_records
from .runs.table import write_table


def report(results: Path, rows_by_table: Mapping[str, Sequence[Row]]) -> list[Path]:
    """Put what the GPU check has packed into `results/runs`, write page and picture of each table with runs there, and
    those of speed, of decoding and of GPUs; then the generated blocks of README.md and results/README.md: the answers
    of all pages, and the keys of a run.

    Returns the files written.
    """
    written = publish_packed(results)
    records = [run for run in load_records(results / "runs") if run.profile in PUBLISHED]
    for table in sorted({run.table for run in records if run.table}):
        own = [run for run in records if run.table == table]
        written += write_table(table, own, rows_by_table.get(table, ()), results)
    written += report_speed(results) + report_decode(results) + report_cuda(results)
    written += report_reliability(results)
    found = findings(records, rows_by_table, machines(results))
    pages = (
        (results.parent / "README.md", "results", overview(found, f"{results.name}/")),
        (results / "README.md", "findings", overview(found)),
        (results / "README.md", "keys of a run", [keys_of(RunRecord)]),
    )
    return written + [
        insert(page, name, blocks) for page, name, blocks in pages if records and page.is_file()
    ]


def machines(results: Path) -> list[Finding]:
    """The answers of the pages that no training made: speed, generation, GPUs."""
    pages = (
        ("speed.md", speed_answer, speed_beside),
        ("decode.md", decode_answer, decode_beside),
        ("cuda.md", cuda_answer, cuda_beside),
    )
    return [
        Finding(page, told, beside(results))
        for page, answered, beside in pages
        if (told := answered(results)) is not None
    ]
