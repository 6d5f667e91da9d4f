"""The panels of a sweep's picture."""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from ...core.palette import GREY, colour
from ..document import literal
from ..runs.cells import number
from .entries import Entry, Part, drawn_order
from .importance import Importance
from .ranking import Group, Ranking
from .scales import Scale, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0}
_CROWD = 60
"""Lines above which each is drawn thinner."""
_LEGEND = 8
"""Models that a legend names."""
_LONG = 18
"""Letters of a name at an axis."""
_FAR, _FAR_OF_FEW, _MANY = 4.0, 25.0, 8
"""Figures that lie further beyond the median than so many times what the best lies before it are put on the edge; of
fewer runs than many only those that lie much further."""


def parallel(axes: "Axes", ranking: Ranking) -> None:
    """A line a run over all settings to its figure, the better the darker; the best on top."""
    part, settings = ranking.part, ranking.settings
    scales = [scale_of(setting) for setting in settings]
    low, high, worst = _limits(part, _figures(ranking))
    order = sorted(_members(ranking), key=lambda found: found[1], reverse=part.lower)
    spread = _spread(order, scales)
    usual = {"lw": 1.5, "alpha": 0.75} if len(order) <= _CROWD else {"lw": 0.8, "alpha": 0.4}
    for place, (group, figure) in enumerate(order):
        heights = [
            scale.at(value) + spread[place][at]
            for at, (scale, value) in enumerate(zip(scales, group.values, strict=True))
        ]
        share = (_inside(figure, worst, part) - low) / (high - low) if high > low else 0.5
        best = place == len(order) - 1
        look = {"lw": 3.2, "alpha": 1.0} if best else usual
        axes.plot(range(len(settings) + 1), [*heights, share], color=_shade(share, part), **look)  # type: ignore[arg-type]
    for at, scale in enumerate(scales):
        axes.axvline(at, color=GREY, lw=0.8, zorder=3)
        for height, text in _some(scale, 16):
            axes.plot([at - 0.012, at], [height, height], color=GREY, lw=0.8, zorder=3)
            axes.text(
                at - 0.02, height, _cut(text), ha="right", va="center", fontsize=11, bbox=_BOX, zorder=4
            )
    axes.axvline(len(settings), color=GREY, lw=0.8, zorder=3)
    for figure in _ticks(low, high):
        height = (figure - low) / (high - low) if high > low else 0.5
        text = number(figure, None, part.metric)
        axes.text(len(settings) + 0.02, height, text, va="center", fontsize=11, zorder=4)
    axes.set_xlim(-0.32, len(settings) + 0.2)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    heads = [*(_head(setting.key) for setting in settings), f"validation\n{part.metric.name}"]
    axes.set_xticks(range(len(heads)), heads, fontsize=11.5)
    axes.tick_params(axis="x", length=0)
    which = "lower" if part.lower else "higher"
    axes.set_title(f"Each run a line: dark is good ({which} is better), the best is bold")


def against(axes: "Axes", ranking: Ranking, at: int, told: bool = True) -> None:
    """The figure of each run over one setting, in the colour of its model; bars are medians over runs of one value.
    `told`: the axis of the figure has its name."""
    part, setting = ranking.part, ranking.settings[at]
    scale = scale_of(setting)
    members = _members(ranking)
    low, high, worst = _limits(part, [figure for _, figure in members])
    named: dict[str, str] = {}
    for group, figure in members:
        model = group.line.model
        own = colour(model) if model else GREY
        named.setdefault(model, own)
        outside = _inside(figure, worst, part) != figure
        marker = ("^" if part.lower else "v") if outside else "o"
        height = _inside(figure, worst, part)
        axes.scatter([scale.at(group.values[at])], [height], s=38, marker=marker, color=own, alpha=0.7, lw=0)
    for value in dict.fromkeys(group.values[at] for group, _ in members):
        found = [figure for group, figure in members if group.values[at] == value]
        middle = median(found)
        if len(found) > 1 and len(scale.places) < len(members) and low <= middle <= high:
            axes.plot(scale.at(value), middle, marker="_", color="black", ms=20, mew=1.6)
    best, figure = members[0]
    axes.scatter([scale.at(best.values[at])], [figure], s=130, fc="none", ec="black", lw=1.4)
    ticks = [(place, _cut(text)) for place, text in _some(scale, 12)]
    crowded = scale.named and sum(len(text) for _, text in ticks) > 48
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    for letters in axes.get_xticklabels() if crowded else ():
        letters.set(rotation=25, ha="right", rotation_mode="anchor", fontsize=11)
    axes.set_xlim(-0.06, 1.06)
    _upright(axes, part, low, high)
    if not told:
        axes.set_ylabel("")
    axes.set_title(literal(setting.key) + (" (logarithmic)" if scale.log else ""))
    if at == 0 and 1 < len(named) <= _LEGEND and setting.key != "model":
        for model, own in named.items():
            axes.scatter([], [], s=38, color=own, label=literal(model))
        axes.legend(fontsize=10, frameon=True, framealpha=0.8, edgecolor="none", loc="best")


def importance_bars(axes: "Axes", found: Importance) -> None:
    """The part of each setting, the largest on top."""
    names, parts = list(found.parts), list(found.parts.values())
    axes.barh(range(len(names)), parts, color=GREY, height=0.6)
    for place, value in enumerate(parts):
        axes.text(value + 0.01, place, f"{100 * value:.0f} %", va="center", fontsize=11)
    axes.set_yticks(range(len(names)), [*map(literal, names)])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, max(parts) * 1.15)
    axes.set_xticks([])
    axes.spines[["bottom"]].set_visible(False)
    axes.set_title("Importance of the settings")


def course(axes: "Axes", part: Part) -> None:
    """The figure of each trial in the order of the search, and the best so far as a line."""
    from matplotlib.ticker import MaxNLocator

    scale = part.metric.scale
    trials = [(entry.number, entry.value * scale) for entry in part.ranked if entry.value is not None]
    low, high, worst = _limits(part, [figure for _, figure in trials])
    best: list[float] = []
    for _, figure in trials:
        best.append(figure if not best or part.better(figure, best[-1]) else best[-1])
    at = [place for place, _ in trials]
    axes.scatter(
        at, [_inside(figure, worst, part) for _, figure in trials], s=34, color=GREY, lw=0, label="trial"
    )
    axes.step([*at, at[-1]], [*best, best[-1]], where="post", color="black", lw=2.4, label="best so far")
    for state, marker in (("pruned", "x"), ("failed", "|")):
        others = [entry for entry in part.entries if entry.state == state]
        edge = low if not part.lower else high
        heights = [min(max(_known(entry, scale, edge), low), high) for entry in others]
        if others:
            places = [entry.number for entry in others]
            axes.scatter(
                places, heights, marker=marker, s=46, color="black", lw=1.3, label=state, clip_on=False
            )
    _upright(axes, part, low, high)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    axes.set_xlabel("trial")
    axes.legend(fontsize=10, frameon=True, framealpha=0.8, edgecolor="none", loc="best")
    axes.set_title("The search, trial by trial")


def seeds(axes: "Axes", ranking: Ranking) -> None:
    """Each run of one configuration: validation and test figure by seed, mean and 95 % interval as a band."""
    group, part = ranking.groups[0], ranking.part
    order = sorted(group.entries, key=drawn_order)
    own = colour(group.line.model) if group.line.model else "black"
    scale = part.metric.scale
    heights = [entry.value * scale for entry in order if entry.value is not None]
    tests = [None if entry.run is None else entry.run.metrics.get(part.headline) for entry in order]
    validation, test = part.heads
    if group.half is not None:
        low, high = group.mean - group.half, group.mean + group.half
        axes.axhspan(low, high, color=own, alpha=0.12, lw=0, label="95 % interval of its mean")
    axes.axhline(group.mean, color=own, lw=1.4)
    axes.scatter(range(len(order)), heights, s=70, color=own, label=validation, zorder=3)
    known = [(place, value * scale) for place, value in enumerate(tests) if value is not None]
    if known:
        places, figures = zip(*known, strict=True)
        axes.scatter(places, figures, s=60, fc="white", ec=GREY, lw=1.4, label=test, zorder=3)
    every = max(1, len(order) // 20)
    texts = [_drawn(entry) for entry in order]
    axes.set_xticks(range(0, len(order), every), texts[::every])
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.grid(axis="y")
    axes.set_xlabel("seed" if order[0].drawn()[1] is None else "seed / fold")
    axes.set_title(part.metric.name + (", lower is better" if part.lower else ""))
    axes.legend(
        fontsize=11,
        frameon=True,
        framealpha=0.8,
        edgecolor="none",
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )


def _drawn(entry: Entry) -> str:
    seed, fold = entry.drawn()
    return str(seed) if fold is None else f"{seed}/{fold}"


def astray(ranking: Ranking) -> list[float]:
    """The figures that lie beyond the axis, the worst first."""
    figures = _figures(ranking)
    worst = _limits(ranking.part, figures)[2]
    return [figure for figure in reversed(figures) if ranking.part.better(worst, figure)]


def _members(ranking: Ranking) -> list[tuple[Group, float]]:
    """Every run with its line and figure, the best first."""
    found = [(group, figure) for group in ranking.groups for figure in group.figures]
    return sorted(found, key=lambda one: one[1], reverse=not ranking.part.lower)


def _figures(ranking: Ranking) -> list[float]:
    return [figure for _, figure in _members(ranking)]


def _limits(part: Part, figures: Sequence[float]) -> tuple[float, float, float]:
    """The axis of the figure, and the worst that it shows: one run that went astray must not flatten all others."""
    best = min(figures) if part.lower else max(figures)
    middle = median(figures)
    times = _FAR if len(figures) >= _MANY else _FAR_OF_FEW
    far = middle + times * (middle - best)
    found = max(figures) if part.lower else min(figures)
    worst = found if middle == best or not part.better(far, found) else far
    return min(best, worst), max(best, worst), worst


def _inside(figure: float, worst: float, part: Part) -> float:
    return worst if part.better(worst, figure) else figure


def _known(entry: Entry, scale: float, otherwise: float) -> float:
    return otherwise if entry.value is None else entry.value * scale


def _upright(axes: "Axes", part: Part, low: float, high: float) -> None:
    """The axis of the figure, upwards."""
    from matplotlib.ticker import MaxNLocator

    spare = 0.08 * (high - low) or 0.01 * abs(high) or 0.1
    axes.set_ylim(low - spare, high + spare)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(axis="y")
    axes.set_ylabel(f"validation {part.metric.name}", fontsize=11)


def _spread(order: Sequence[tuple[Group, float]], scales: Sequence[Scale]) -> list[list[float]]:
    """How far each line is moved at places of names, so that runs of one name do not hide one another."""
    moved = [[0.0] * len(scales) for _ in order]
    for at, scale in enumerate(scales):
        for value in scale.places if scale.named else ():
            some = [place for place, (group, _) in enumerate(order) if group.values[at] == value]
            room = min(0.16, 0.5 / len(scale.places))
            for rank, place in enumerate(some):
                moved[place][at] = room * ((rank + 0.5) / len(some) - 0.5)
    return moved


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    found = [float(tick) for tick in MaxNLocator(nbins=6).tick_values(low, high)]
    return [tick for tick in found if low <= tick <= high] if high > low else [low]


def _shade(share: float, part: Part) -> tuple[float, ...]:
    """From pale to dark towards the better end of the figure, `share` of the way up; the palest is left out."""
    from matplotlib import colormaps

    return tuple(colormaps["viridis"](0.92 * (share if part.lower else 1 - share)))


def _head(key: str) -> str:
    """A key over two lines at its point."""
    group, point, name = literal(key).rpartition(".")
    return f"{group}.\n{name}" if point else key


def _some(scale: Scale, most: int) -> list[tuple[float, str]]:
    """The ticks of an axis, of many names every second, third and so on."""
    return [*scale.ticks[:: -(-len(scale.ticks) // most)]]


def _cut(text: str) -> str:
    return literal(text if len(text) <= _LONG else f"{text[: _LONG - 1]}…")
