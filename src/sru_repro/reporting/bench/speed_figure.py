"""The picture of speed, `results/speed-<hardware>.svg` and `.png`: every shape against LSTM, beside the time of every
model at a shape of the SRU paper's speed figure, which names the colours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.palette import GREY, colour, ink
from ...records.bench import Entry, SpeedRecord, Timed
from ..answer import Answer
from ..canvas import HEIGHT, WIDTH, canvas, save
from ..limits import bulk
from ..marks import LEGEND, marked
from ..numbers import significant
from .ratios import CLAIM, against, roughly
from .speed_tables import MODES, row_of, several_types

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL = 12.5
"""Points, of numbers and of shapes."""
_WAYS = {"training": "in a plain loop", "graph_training": "as a CUDA graph"}


@dataclass(frozen=True)
class Faster:
    """A model at a shape, forward and backward, times as fast as the fastest nn.LSTM; and its 95 % interval."""

    shape: str
    contender: str
    mode: str
    times: float
    low: float
    high: float
    peer: str = ""
    """The LSTM's type of number, where there are several."""


def drawable(record: SpeedRecord) -> bool:
    """Whether there is anything to show: a picture shows one type of number, on CUDA bfloat16 where that was timed."""
    return any(True for entry in _shown(record) for _ in _compared(entry))


def write_speed_figure(record: SpeedRecord, out: Path, answer: Answer | None = None) -> list[Path]:
    """Draws one hardware as SVG and PNG, the files; the same record gives the same bytes."""
    return save(draw_speed_figure(record, answer), out)


def draw_speed_figure(record: SpeedRecord, answer: Answer | None = None) -> "Figure":
    """The picture itself, for a notebook; of a record that is `drawable`."""
    shapes = [entry for entry in _shown(record) if any(True for _ in _compared(entry))]
    told = f"Speed: {record.hardware.name}, {shapes[0].dtype}"
    title, subtitle = (answer.question, answer.short) if answer else (told, "")
    found = [one for entry in shapes for one in _compared(entry)]
    papers = {two_lines(entry.label): times for entry in shapes if (times := _printed(entry))}
    where = max(
        (entry for entry in shapes if entry.paper_ms), key=lambda entry: entry.tokens, default=shapes[0]
    )
    with canvas(
        WIDTH, HEIGHT, title=title, subtitle=subtitle, notes=_notes(record, shapes, bool(papers))
    ) as figure:
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.25, 1)})
        times_panel(left, found, papers)
        _times(right, where)
    return figure


def _shown(record: SpeedRecord) -> list[Entry]:
    whole = [entry for entry in record.shapes if not entry.stepwise]
    dtype = min((entry.dtype for entry in whole), default="")
    return [entry for entry in whole if entry.dtype == dtype]


def _notes(record: SpeedRecord, shapes: Sequence[Entry], papers: bool) -> list[str]:
    """What the signs mean, how it was measured, what was not."""
    stamp = shapes[0].measured  # type: ignore[attr-defined]
    errors = {row.label: why for entry in shapes for row in entry.rows if (why := row.why_not("training"))}
    peers = "nn.LSTM, padded, on its fastest path"
    if any(map(several_types, shapes)):
        peers = "the fastest type of nn.LSTM, padded, which is named"
    if any("(probes)" in row.label for entry in shapes for row in entry.rows):
        peers += " (float16 and TF32 by probes)"
    signs = [f"Forward and backward, {shapes[0].dtype}, against {peers}"]
    signs += ["large dots: SRU; bars: 95 % intervals; small dots: the models named at the right"]
    signs += ["filled: both as CUDA graphs; hollow: both in a plain loop"] * _graphed(shapes)
    signs += ["◇ the paper's own figure, on its GPU"] * papers
    disturbed = marked("", *_shares(shapes))
    return [
        f"{'; '.join(signs)}.",
        f"{record.hardware.name}: medians of interleaved rounds in one process, back end {stamp.backend.name}, "
        f"torch {stamp.torch}; convolutions are causal, with nothing between layers.",
        *(f"Not measured: {label} ({error})." for label, error in errors.items()),
        *([f"{LEGEND}; at the least{disturbed}."] if disturbed else []),
    ]


def _shares(shapes: Sequence[Entry]) -> Iterator[float | None]:
    for entry in shapes:
        for row in entry.rows:
            yield from (row.timing(mode).processor for mode in (*MODES, "graph_training"))


def _graphed(entries: Sequence[Entry]) -> bool:
    """Whether SRU was timed as a CUDA graph."""
    return any(row.graph_training for entry in entries for row in entry.rows if row.contender == "sru")


def _own(entry: Entry) -> list[Timed]:
    """A row a model."""
    return [row for row in entry.rows if not row.dtype]


def _printed(entry: Entry) -> float | None:
    """SRU against LSTM in the paper's speed figure."""
    known = {contender: both for contender, _, both in entry.paper_ms}
    return known["lstm"] / known["sru"] if known.get("sru") and "lstm" in known else None


def _compared(entry: Entry) -> Iterator[Faster]:
    """Every model but LSTM at a shape; SRU in a plain loop, too, where it was timed as a graph."""
    graph = _graphed([entry])
    for row in _own(entry):
        ways = ("training", "graph_training") if graph and row.contender == "sru" else ("training",)
        for mode in ways if row.contender == "sru" or not graph else ("graph_training",):
            if row.contender != "lstm" and (one := faster_than_lstm(entry, row.contender or "", mode)):
                yield one


def faster_than_lstm(entry: Entry, contender: str, mode: str) -> Faster | None:
    """A model against the fastest LSTM, by the figures of the tables; None where one of them was not timed."""
    base = entry.baseline(mode)
    found = against(row_of(entry, contender, mode), base, mode)
    if found is None or base is None:
        return None
    peer = entry.type_of(base) if several_types(entry) else ""
    low, high = found.low or found.value, found.high or found.value
    return Faster(two_lines(entry.label), contender, mode, found.value, low, high, peer)


def times_panel(axes: "Axes", found: Sequence[Faster], papers: dict[str, float] | None = None) -> None:
    """A line a shape: SRU times as fast as LSTM with its number, other models as small dots, on an axis of factors with
    a line at 1 and the paper's 5 to 9 as a band; `papers`: what the paper's figure says of a shape."""
    places = {shape: place for place, shape in enumerate(dict.fromkeys(one.shape for one in found))}
    ways = {one.mode for one in found if one.contender == "sru"}
    sru = [one for one in found if one.contender == "sru"]
    alone = len(sru) == len(found)
    axes.axvspan(*CLAIM, color=GREY, alpha=0.13, lw=0, zorder=0, clip_on=False)
    axes.axvline(1, color=colour("lstm"), lw=2, zorder=1)
    for one in found:
        place = float(places[one.shape])
        own = colour(one.contender)
        if one.contender != "sru":
            axes.plot(
                [one.times], [place + 0.27], marker="o", ms=6, color=own, mec="white", mew=0.5, zorder=3
            )
            continue
        if len(ways) > 1:
            place += (-0.2 if one.mode == "training" else 0.2) * (1.0 if alone else 0.6)
        else:
            place -= 0.1
        axes.plot([one.low, one.high], [place, place], color=own, lw=2, zorder=2)
        inside = "white" if len(ways) > 1 and one.mode == "training" else own
        axes.plot([one.times], [place], marker="o", ms=9, color=own, mfc=inside, mec=own, mew=1.6, zorder=4)
        text = f"{one.times:.1f}×  {one.peer}".strip()
        _beside(axes, text, max(one.high, one.times), place)
    for shape, times in (papers or {}).items():
        axes.plot(
            [times], [places[shape] - 0.1], marker="D", ms=7, color=GREY, mfc="white", mec=GREY, zorder=2
        )
        _beside(axes, f"{roughly(times)}×", times, places[shape] - 0.1, GREY)
    axes.set_yticks(range(len(places)), list(places), fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(places) - 0.5, -0.75)
    low, high = bulk([one.times for one in found])
    known = [
        1.0,
        *CLAIM,
        *(papers or {}).values(),
        *(end for one in sru for end in (one.low, one.high)),
    ]
    _factors(
        axes, min(low, *known) * 0.85, max(high, *known) * (1.9 if any(one.peer for one in sru) else 1.5)
    )
    axes.grid(axis="y", ls=":")
    for x, text, shade in (
        (1, "nn.LSTM", colour("lstm")),
        (CLAIM[0], f" the paper: {CLAIM[0]} to {CLAIM[1]}×", GREY),
    ):
        axes.text(x, -0.72, f" {text}", fontsize=SMALL, color=ink(shade), va="top")
    axes.set_title("Times as fast as nn.LSTM,\nforward and backward")


def two_lines(label: str) -> str:
    """The label of a shape, its sizes in a line of their own."""
    return label.replace(", L", ",\nL")


def _beside(axes: "Axes", text: str, x: float, y: float, shade: str = "black") -> None:
    axes.annotate(
        text,
        (x, y),
        (9, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=shade,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
        zorder=3,
    )


def _factors(axes: "Axes", low: float, high: float) -> None:
    """An axis of "times as fast", by factors."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}×"))
    axes.grid(axis="x")


def _times(axes: "Axes", entry: Entry) -> None:
    """A bar a model, the fastest on top, with its time; names in the models' colours."""
    mode = "graph_training" if _graphed([entry]) else "training"
    rows = [row_of(entry, row.contender or "", mode) or row for row in _own(entry)]
    timed = sorted((row for row in rows if row.seconds(mode)), key=lambda row: row.seconds(mode) or 0.0)
    longest = 1e3 * (bulk([row.seconds(mode) or 0.0 for row in timed])[1])
    names = []
    for place, row in enumerate(timed):
        timing = row.timing(mode)
        middle = 1e3 * (timing.median_s or 0.0)
        axes.barh(place, min(middle, longest), 0.62, color=colour(row.contender or ""))
        if timing.q1_s and timing.q3_s and middle <= longest:
            axes.plot([1e3 * timing.q1_s, 1e3 * timing.q3_s], [place, place], color="black", lw=1)
        text = marked(f"{significant(middle)} ms" + (f", {row.dtype}" if row.dtype else ""), timing.processor)
        if middle > longest:
            text = f"▶ {text}"
        _beside(
            axes,
            text,
            max(min(middle, longest), 1e3 * (timing.q3_s or 0.0) if middle <= longest else 0.0),
            place,
        )
        names.append(next(one.label for one in _own(entry) if one.contender == row.contender))
    axes.set_yticks(range(len(timed)), names, fontsize=SMALL + 0.5)
    for letters, row in zip(axes.get_yticklabels(), timed, strict=True):
        letters.set_color(ink(colour(row.contender or "")))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(timed) - 0.5, -0.75)
    axes.set_xlim(0, longest * 1.3)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    way = f" {_WAYS[mode]}" if mode != "training" else ""
    axes.set_title(f"Time of a batch{way},\n{entry.label}")
