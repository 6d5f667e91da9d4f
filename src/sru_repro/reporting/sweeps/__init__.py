"""After a sweep: its ranking and what else it tells, on a terminal, and in its folder as `report.md`, `report.csv` and
`report.svg` and `.png`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataError, SuiteError
from ...core.files import whole
from ...core.home import shown, without_home
from ..canvas import SUFFIXES
from ..document import Bullets, terminal, write_document
from ..runs.records import frame
from . import words
from .entries import Sweep, read_folder
from .importance import importance
from .ranking import ranked
from .tables import Told, blocks

if TYPE_CHECKING:
    from rich.console import RenderableType

DOCUMENT, PICTURE, LINES = "report.md", "report.svg", "report.csv"


def after_sweep(folder: Path) -> "list[RenderableType]":
    """The last lines of a sweep, for `rich` to print at any width: its report, which is also written into its folder.
    Members that failed are left to the sweep, which names them with their logs.

    What goes wrong is a line, too: nothing of it may take the place of what the sweep itself has to say.
    """
    try:
        sweep = read_folder(folder)
        if not any(part.ranked for part in sweep.parts):
            return terminal([Bullets([f"No member has finished: {sweep.counts()}"])])
        return report_sweep(sweep, unranked=False)
    except (SuiteError, OSError) as error:
        return terminal([Bullets([str(without_home(f"no report of the sweep: {error}"))])])


def report_folder(folder: Path) -> "list[RenderableType]":
    """The report of a sweep, or of all runs below a folder.

    Raises:
        DataError: no such folder, a broken file in it, or no member that has finished.
    """
    sweep = read_folder(folder)
    if not any(part.ranked for part in sweep.parts):
        why = "; ".join(words.all_unfinished(sweep)[:3])
        raise DataError(
            f"{shown(folder)}: expected a finished run to rank, found {sweep.counts()} ({why}); "
            "call it again when one has finished"
        )
    return report_sweep(sweep)


def report_sweep(sweep: Sweep, *, unranked: bool = True) -> "list[RenderableType]":
    """Writes the report of a sweep with finished members into its folder; what a terminal shows of it."""
    parts = [_told(sweep, place) for place, part in enumerate(sweep.parts) if part.ranked]
    document, lines = sweep.folder / DOCUMENT, sweep.folder / LINES
    write_document(document, blocks(sweep, parts))
    _write_lines(sweep, lines)
    pictures = [sweep.folder / told.picture for told in parts if told.picture]
    written = ", ".join(shown(path) for path in (document, *pictures, lines))
    return terminal(
        [*blocks(sweep, parts, terminal=True, unranked=unranked), Bullets([f"Written: {written}"])]
    )


def _told(sweep: Sweep, place: int) -> Told:
    """A part, with its picture drawn where there is anything to draw."""
    from .figure import write_picture

    part = sweep.parts[place]
    ranking = ranked(part)
    found = importance(part, ranking.settings)
    name = PICTURE if not place else f"report-{part.task}.svg"
    if len(part.ranked) < 2:
        for suffix in SUFFIXES:
            (sweep.folder / name).with_suffix(suffix).unlink(missing_ok=True)
        return Told(ranking, found)
    write_picture(sweep, ranking, found, sweep.folder / name)
    return Told(ranking, found, name)


def _write_lines(sweep: Sweep, place: Path) -> None:
    """A line for each member: its state and its record, with the settings that differ."""
    import pandas

    told = pandas.DataFrame(
        [
            {"number": entry.number, "name": entry.name, "state": entry.state, "validation": entry.value}
            for entry in sweep.entries
        ]
    )
    held: Sequence[int] = [at for at, entry in enumerate(sweep.entries) if entry.run is not None]
    records = frame([sweep.entries[at].record for at in held]).drop(columns="state")
    records.index = pandas.Index(held)
    with whole(place) as part:
        told.join(records).convert_dtypes().to_csv(part, index=False, lineterminator="\n")
