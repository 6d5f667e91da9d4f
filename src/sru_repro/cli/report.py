"""sru-repro report        writes the tables and figures of results/ again, from the run records committed there"""

from collections.abc import Sequence
from pathlib import Path

from .tables import described, load_table, table_names
from .words import only


def run(words: Sequence[str]) -> int:
    """Prints the files written."""
    only(words, ())
    from ..reporting.report import report

    rows = {}
    for name in table_names():
        table = load_table(name)
        if table.results:
            rows[name] = described(table)
    written = report(Path("results"), rows)
    print("\n".join(map(str, written)) or "nothing to report: no records in results/ here")
    return 0
