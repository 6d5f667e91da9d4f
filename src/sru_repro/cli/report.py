"""sru-repro report                    writes the tables and figures of results/ again, from the records committed there
sru-repro report sweep=FOLDER       ranks a sweep (`train -m sweep=FOLDER`), or all runs below a folder

Of a sweep: the ranking by validation figure with the test figure beside it, seeds and folds together as mean and 95 %
interval; in what the members differ, and how much it matters; time and cost; what was pruned or failed. Printed, and
written into FOLDER: report.md, report.csv (a line for each member), report.svg and .png. A sweep that is still running
may be asked, too.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from ..core.closest import did_you_mean
from ..core.errors import ConfigError, DataError
from .options import Options


class ReportOptions(Options):
    """What is reported: all of results/, or one sweep."""

    sweep: str | None = Field(default=None, min_length=1)


def run(args: Sequence[str]) -> int:
    """Prints the files written, of a sweep its report."""
    options = ReportOptions.parse(args)
    if options.sweep is not None:
        return _sweep(Path(options.sweep))
    if not Path("results").is_dir():
        raise ConfigError(
            "results: expected the folder of a checkout with its records, found none; call it there"
        )
    from ..reporting.report import report
    from .tables import described, load_table, table_names  # imports torch

    rows = {}
    for name in table_names():
        table = load_table(name)
        if table.results:
            rows[name] = described(table)
    written = report(Path("results"), rows)
    print("\n".join(map(str, written)) or "nothing to report: no records in results/ here")
    return 0


def _sweep(folder: Path) -> int:
    if not folder.exists():
        beside = [str(place) for place in folder.parent.glob("*") if place.is_dir()]
        near = did_you_mean(str(folder), beside)
        raise DataError(f"sweep={folder}: expected the folder of a sweep or of runs, found none{near}")
    from rich.console import Console

    from ..reporting.sweeps import report_folder

    console = Console()
    for shown in report_folder(folder):
        console.print(shown)
    return 0
