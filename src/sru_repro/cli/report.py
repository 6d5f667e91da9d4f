"""sru-repro report        writes the tables and figures of results/ again, from the records committed there

In the checkout's own folder also src/sru_repro/ops/tilings.json, how the CUDA kernels' work is cut on cards that were
measured: from results/cuda/*/tune.json.
"""

from collections.abc import Sequence
from pathlib import Path

from ..core.machine import ROOT
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
    written = [*report(Path("results"), rows), *_tilings(Path("results"))]
    print("\n".join(map(str, written)) or "nothing to report: no records in results/ here")
    return 0


def _tilings(results: Path) -> list[Path]:
    """The table that the CUDA back end looks into, where these are the results of this checkout."""
    pages = sorted(results.glob("cuda/*/tune.json"))
    if not pages or results.resolve() != (ROOT / "results").resolve():
        return []
    from ..gpu_check.tune import table
    from ..ops.tiling import TABLE
    from ..reporting.gpu.record import read_page
    from ..reporting.runs.publish import write_whole

    write_whole(TABLE, table([read_page(page) for page in pages]))
    return [TABLE.relative_to(Path.cwd())]
