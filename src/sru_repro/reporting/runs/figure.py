"""The picture of a table, `results/<task>.png`: our numbers beside the paper's, and learning over time.

It shows the first section of the table (the paper's profile before short ones, then the fullest). No panel
shows a speed-up; where a reference loop ran, the picture says that its times are not those of a fused one.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataError
from . import columns
from .panels import GREY, curves, numbers
from .records import Record, share
from .sections import REFERENCE, TASKS, Row, Section, sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = (1600, 700)
_DPI = 100
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a picture looks alike everywhere
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
}


def write_figure(table: str, records: Sequence[Record], rows: Sequence[Row], out: Path) -> None:
    """Draw the first section to a PNG of 1600 x 700 pixels. Raises DataError when no run has finished."""
    figure = draw_figure(table, records, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=_DPI, metadata={"Software": None})  # same records, same bytes


def draw_figure(table: str, records: Sequence[Record], rows: Sequence[Row]) -> "Figure":
    """The picture itself, for a notebook."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    found = sections(table, records, rows)
    if not found:
        raise DataError(f"{table}: expected finished runs to draw, found none; run the table first")
    section = found[0]
    with rc_context(STYLE):
        figure = Figure(figsize=(_PIXELS[0] / _DPI, _PIXELS[1] / _DPI), dpi=_DPI, layout="constrained")
        figure.get_layout_engine().set(rect=(0.01, 0, 0.98, 1), h_pad=0.14)  # type: ignore[union-attr,call-arg]
        _caption(figure, table, section)
        if table in TASKS:
            _small_multiples(figure, section)
        else:
            left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1, 1.15)})
            lines = section.lines(section.tasks[0])
            numbers(left, lines)
            curves(right, lines)
        return figure


def _caption(figure: "Figure", table: str, section: Section) -> None:
    """Profile, data, seeds and hardware; what the signs mean; a warning about times of the reference loop."""
    title = f"{table}: profile {section.profile}, {section.seed_list}, {section.hardware}"
    figure.suptitle(textwrap.fill(title, 105), x=0.012, ha="left", fontsize=17, fontweight="bold")

    facts = [*section.descriptions, *(f"word vectors {name}" for name in section.vectors)]
    if any(share(run) < 1 for run in section.runs):
        facts.append("part of the data")
    lines = [line for task in section.tasks for line in section.lines(task)]
    notes = [f"Data: {'; '.join(facts)}."]
    repeated = any(len(line.runs) > 1 for line in lines)
    dots = " (small dots: single runs)" if repeated else ""
    if columns.has_paper(section):
        notes.insert(0, f"● this suite{dots}    ◇ paper    bars: deviation")
    elif repeated:
        notes.insert(0, f"● mean{dots}    bars: deviation")
    slow = dict.fromkeys(line.label for line in lines if REFERENCE in line.backends)
    if slow and table not in TASKS:
        names = "; ".join(slow)
        notes.append(f"Run by the {REFERENCE}, so that their times are not those of a fused one: {names}.")
    reasons = dict.fromkeys(why for line in lines if line.paper_number for why in line.why_not)
    if reasons:
        notes.append(f"Not comparable with the paper: {'; '.join(reasons)}.")
    text = "\n".join(textwrap.fill(note, 180) for note in notes)
    figure.supxlabel(text, x=0.012, ha="left", fontsize=12, color=GREY)


def _small_multiples(figure: "Figure", section: Section) -> None:
    """One panel per data set that was run, with a common column of names."""
    tasks = [task for task in section.tasks if any(line.runs for line in section.lines(task))]
    for task, axes in zip(tasks, figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0], strict=True):
        numbers(axes, section.lines(task), room=0.3)
        axes.set_title(f"{task.upper()}, {axes.get_title(loc='left')}")
