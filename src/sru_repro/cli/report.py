"""sru-repro report        writes the tables and figures of results/ again, from the records committed there"""

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from .options import Options
from .tables import described, load_table, table_names


def run(args: Sequence[str]) -> int:
    """Prints the files written."""
    Options.parse(args)
    if not Path("results").is_dir():
        raise ConfigError(
            "results: expected the folder of a checkout with its records, found none; call it there"
        )
    from ..reporting.report import report

    rows = {}
    for name in table_names():
        table = load_table(name)
        if table.results:
            rows[name] = described(table)
    written = report(Path("results"), rows)
    print("\n".join(map(str, written)) or "nothing to report: no records in results/ here")
    return 0
