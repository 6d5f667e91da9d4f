"""Runs to be compared in a notebook: those of one budget, their curves with bands, their tests as a frame, a folder of
runs as a sweep."""

from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.palette import styles
from ..reporting.canvas import canvas
from ..reporting.compare import gather, records_of, sections
from ..reporting.compare.curves import Point, curves_of
from ..reporting.compare.groups import Group, Section
from ..reporting.compare.judged import base_of, judged
from ..reporting.document import markdown
from ..reporting.runs.budget import Budget
from ..reporting.sweeps.entries import read_folder
from ..reporting.sweeps.figure import draw_picture
from ..reporting.sweeps.importance import importance
from ..reporting.sweeps.ranking import ranked
from ..reporting.sweeps.tables import Told, blocks

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def by_budget(*words: str | Path) -> dict[str, list[Path]]:
    """The records that words mean by how long their runs were allowed to train ("12 epochs"), the longest first: only
    runs of one budget are compared with each other.

    Raises:
        DataError: none, or one is broken.
    """
    found: dict[Budget, list[Path]] = {}
    for one in gather(place for word in words for place in records_of(str(word))):
        found.setdefault(Budget.of(one.run), []).append(one.place)
    if not found:
        raise DataError(f"{' '.join(map(str, words))}: expected runs, found none")
    return {budget.told or "no limit": found[budget] for budget in sorted(found, key=lambda one: one.order)}


def section_of(*words: str | Path) -> Section:
    """The runs that words mean (folders, records, globs) as rows over seeds; all of one task and metric.

    Raises:
        DataError: none, or of several tasks.
    """
    found = sections(gather(place for word in words for place in records_of(str(word))))
    if len(found) != 1:
        raise DataError(
            f"{' '.join(map(str, words))}: expected runs of one task, found {len(found)} tasks; name one's folder"
        )
    return found[0]


def t_tests(section: Section, against: str = "") -> "pandas.DataFrame":
    """Each row over its seeds, and its difference to the best row or `against`: mean and half of its 95 % interval, the
    difference with its interval, p of the t-test, p after Holm's correction over all rows."""
    import pandas

    base = base_of(section, against)
    if base is None:
        raise DataError("expected a finished run, found none")
    lines = []
    for line in judged(section, base):
        mean, half = line.group.mean(section.headline) or (None, None)
        test = line.test
        lines.append(
            {
                "row": line.group.name,
                "n": len(line.group.figures(section.headline)),
                section.head: mean,
                "±": half,
                f"minus {base.name}": test and test.effect,
                "low": test and test.low,
                "high": test and test.high,
                "p": test and test.p,
                "Holm": line.corrected,
            }
        )
    return pandas.DataFrame(lines).set_index("row").astype(float).astype({"n": int})


def curves(section: Section, rows: Sequence[str] = ()) -> dict[str, list[list[Point]]]:
    """The validations of the headline's metric, of each row (or of these, by the names of their configurations) a
    curve a run."""
    key = f"val/{section.headline.rpartition('/')[2]}"
    found = {}
    for group in section.ranked:
        if not rows or group.first.row in rows:
            found[group.name] = [curve for one in group.found if (curve := curves_of(one).get(key))]
    return {name: some for name, some in found.items() if some}


def draw_curves(section: Section, rows: Sequence[str] = ()) -> "Figure":
    """The mean over the runs of a row, and the band from the lowest to the highest: against steps and against time."""
    found = curves(section, rows)
    models = {group.name: (group.first.row, _model(group)) for group in section.ranked}
    looks = dict(zip(found, styles([models[name] for name in found]), strict=True))
    title = f"{section.task}: validation {section.metric.name}, mean and range over seeds"
    with canvas(1000, 400, title=title, letters=11) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for name, runs in found.items():
            own, dashes = looks[name]
            points = list(zip(*runs, strict=False))
            figures = [[point.figure for point in several] for several in points]
            for axes, places in (
                (left, [fmean(point.step for point in several) for several in points]),
                (right, [fmean(point.wall_s for point in several) / 60 for several in points]),
            ):
                axes.fill_between(
                    places, [*map(min, figures)], [*map(max, figures)], color=own, alpha=0.15, lw=0
                )
                axes.plot(
                    places, [*map(fmean, figures)], color=own, ls=dashes, marker="o", ms=4, lw=2, label=name
                )
        for axes, what in ((left, "steps"), (right, "minutes of training")):
            axes.set_xlabel(what)
            axes.locator_params(axis="x", nbins=6)
            axes.grid()
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _model(group: Group) -> str:
    """The name of the model that its runs are of."""
    model = group.first.config.get("model")
    return str(model.get("name", "")) if isinstance(model, dict) else ""


def sweep_report(folder: Path, only: Collection[Path] = ()) -> tuple[str, "Figure"]:
    """What `sru-repro report sweep=FOLDER` writes into a sweep's folder, or that of any runs, as Markdown and picture,
    without writing it.

    Args:
        only: the records that are reported, by default all.

    Raises:
        DataError: no such folder, no finished run below it, or a file in it is broken.
    """
    sweep = read_folder(folder, only)
    part = next((part for part in sweep.parts if part.ranked), None)
    if part is None:
        raise DataError(f"{folder}: expected a finished run, found {sweep.counts()}")
    ranking = ranked(part)
    found = importance(part, ranking.settings)
    return markdown(blocks(sweep, [Told(ranking, found)])), draw_picture(sweep, ranking, found)
