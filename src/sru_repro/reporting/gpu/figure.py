"""The picture of one GPU, `results/cuda-<gpu>-<date>.svg` and `.png`: the papers' claim, SRU against the fastest
nn.LSTM, in a plain loop and as graphs; beside it how near the recurrence comes to the speed of a copy. A panel without
data is left out.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from ...core.palette import GREY, colour
from ...records.bench import Entry
from ..answer import Answer
from ..bench.speed_figure import Faster, faster_than_lstm, times_panel
from ..canvas import HEIGHT, WIDTH, canvas, save
from ..labels import End, label_ends
from .claims import COLUMNS, COPY_SHARE, KERNELS, WAYS, kernels
from .pages import GPUCheck

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTERS = 13.0
"""Points, of the names at the ends."""


class Share(NamedTuple):
    """A pass of the kernel, such as "backward", against the speed of a copy."""

    what: str
    dtype: str
    columns: int
    share: float


def write_gpu_figure(check: GPUCheck, out: Path, answer: Answer | None = None) -> list[Path]:
    """Draws one GPU as SVG and PNG, the files; the same pages give the same bytes. None where there is nothing to
    draw."""
    figure = draw_gpu_figure(check, answer)
    return [] if figure is None else save(figure, out)


def draw_gpu_figure(check: GPUCheck, answer: Answer | None = None) -> "Figure | None":
    """The picture itself; None where there is nothing to draw."""
    shapes = _shapes(check)
    shares = [Share(KERNELS[row.kernel], row.dtype, row.columns, share) for row, share, _ in kernels(check)]
    panels: list[Callable[[Axes], None]] = [lambda axes: times_panel(axes, shapes)] * bool(shapes)
    panels += [lambda axes: _kernel(axes, shares)] * bool(shares)
    if not panels:
        return None
    title, subtitle = (answer.question, answer.short) if answer else (f"CUDA: {check.title}", "")
    notes = _notes(check, shapes, bool(shares))
    with canvas(WIDTH, HEIGHT, title=title, subtitle=subtitle, notes=notes) as figure:
        widths = (1.25, 1) if len(panels) > 1 else (1,)
        drawn = figure.subplots(1, len(panels), squeeze=False, gridspec_kw={"width_ratios": widths})[0]
        for axes, panel in zip(drawn, panels, strict=True):
            panel(axes)
    return figure


def _notes(check: GPUCheck, shapes: Sequence[Faster], shares: bool) -> list[str]:
    """What the signs mean, and how it was measured."""
    source = "means of calls back to back, by probes" if check.by_probes else "medians of interleaved rounds"
    drawn = [mode for mode in WAYS if any(one.mode == mode for one in shapes)]
    signs = ("hollow", "filled") if len(drawn) > 1 else ("dots",)
    ways = ", ".join(f"{sign}: both {WAYS[mode]}" for sign, mode in zip(signs, drawn, strict=False))
    types = " or ".join(sorted({entry.dtype for entry in _entries(check)}))
    bars = "; bars: 95 % intervals" if any(one.low < one.high for one in shapes) else ""
    notes = [
        f"Against nn.LSTM: SRU in {types} and nn.LSTM in its fastest type, which is named, called alike ({ways}); "
        f"{source}{bars}."
    ] * bool(shapes)
    notes += [
        "The kernel: the bytes that the recurrence must move, in its time, against the speed at which this GPU copies; "
        "columns are the features of all sequences of a batch."
    ] * shares
    torch = ", ".join(sorted({piece.measured.torch for piece in check.pieces()}))
    notes[-1] += f" {check.title}, torch {torch}."
    return notes


def _shapes(check: GPUCheck) -> list[Faster]:
    return [
        one for entry in _entries(check) for mode in WAYS if (one := faster_than_lstm(entry, "sru", mode))
    ]


def _entries(check: GPUCheck) -> list[Entry]:
    """Shapes that are drawn; of a check that has no graphs, plain calls in one type of number."""
    plain = check.speed.shapes if check.speed else ()
    dtype = min((entry.dtype for entry in plain), default="")
    entries = check.graphed or [entry for entry in plain if entry.dtype == dtype]
    return [entry for entry in entries if not entry.stepwise]


def _kernel(axes: "Axes", found: Sequence[Share]) -> None:
    """A dot a size, and a line through the medians at each number of columns."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

    series: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        series[one.what, one.dtype][one.columns].append(one.share)
    ends = []
    for (what, dtype), points in sorted(series.items(), reverse=True):
        own = colour("sru-32" if what == KERNELS["backward"] else "sru")
        dots = [(number, share) for number, several in points.items() for share in several]
        axes.plot(*zip(*dots, strict=True), ls="", color=own, marker="o", ms=5, mew=0)
        middle = [(number, median(several)) for number, several in sorted(points.items())]
        axes.plot(*zip(*middle, strict=True), ls="-" if dtype == "bfloat16" else "--", lw=2, color=own)
        ends.append(End(f"{what},\n{dtype}", own, *middle[-1]))
    axes.axhline(COPY_SHARE, color=GREY, lw=1.2, ls=":", zorder=1)
    known = sorted({one.columns for one in found} | {COLUMNS})
    axes.set_xscale("log", base=2)
    axes.set_xlim(known[0] / 1.3, known[-1] * 1.1)
    axes.set_ylim(0, max(1.0, 1.05 * max(one.share for one in found)))
    axes.xaxis.set_major_locator(FixedLocator(known))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid()
    axes.set_title(f"The kernel: share of a copy (dotted: {COPY_SHARE:.0%})")
    axes.set_xlabel("columns, B·D (k = 1,024, M = k²)")
    label_ends(axes, ends, _LETTERS)


def _count(value: float) -> str:
    return f"{value / 2**20:g}M" if value >= 2**20 else f"{value / 2**10:g}k"
