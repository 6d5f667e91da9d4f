"""Pictures of what bounds a step of training, and of generation: each panel a question of the notebook."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.palette import GREY, colour
from ..records.decode import Comparison
from ..reporting.canvas import canvas
from .bounds import Machine, element_costs, even_width, step_costs

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_MARKS = {"recurrence": "|", "products": "x", "as a graph": "o", "as called": "o", "LSTM": "D"}
_WORDS = {
    "recurrence": "bound: bytes of the recurrence, at the speed of a copy",
    "products": "bound: products alone",
    "as a graph": "SRU, as a CUDA graph",
    "as called": "SRU, as called",
    "LSTM": "nn.LSTM, the fastest",
}


def draw_step_costs(found: Sequence[Machine]) -> "Figure":
    """A panel a machine, a line a shape: both bounds, what was measured, and nn.LSTM."""
    with canvas(1000, 470, title="A training step: its bounds and what was measured", letters=11) as figure:
        panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
        every = [step_costs(machine) for machine in found]
        shared = [label for label in every[0].index if all(label in costs.index for costs in every)]
        for axes, machine, costs in zip(panels, found, (costs.loc[shared] for costs in every), strict=True):
            for key in costs.columns:
                hollow = key == "as called"
                own = colour("lstm" if key == "LSTM" else "sru")
                dark = GREY if key in ("recurrence", "products") else own
                axes.scatter(
                    costs[key],
                    range(len(costs)),
                    marker=_MARKS[key],
                    s=130 if key == "recurrence" else 55,
                    facecolor=dark if key in ("recurrence", "products") else "white" if hollow else own,
                    **({} if key in ("recurrence", "products") else {"edgecolor": own}),
                    label=_WORDS[key],
                    zorder=3,
                )
            for place, (low, high) in enumerate(zip(costs.min(axis=1), costs.max(axis=1), strict=True)):
                axes.plot([low, high], [place, place], color="#DDDDDD", lw=1.2, zorder=1)
            axes.set_xscale("log")
            _plain(axes.xaxis)
            axes.grid(axis="x")
            axes.set_xlabel("milliseconds")
            axes.set_yticks(
                range(len(costs)), [label.replace(", L", ",\nL") for label in costs.index], fontsize=9.5
            )
            axes.tick_params(axis="y", length=0)
            axes.set_ylim(len(costs) - 0.5, -0.5)
            axes.set_title(machine.name)
        handles = dict(
            pair[::-1] for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)
        )
        figure.legend(
            handles.values(), handles, loc="outside lower center", ncols=3, frameon=False, fontsize=10
        )
    return figure


def _plain(axis: "Axis") -> None:
    """Powers of ten in full, without the formulas of matplotlib's own labels."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_element_costs(found: Sequence[Machine], widths: Sequence[int]) -> "Figure":
    """A panel a machine: time for one element of h against the width, of bytes and of products; where they cross."""
    with canvas(1000, 370, title="At which width do products outgrow the recurrence?", letters=11) as figure:
        panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
        for axes, machine in zip(panels, found, strict=True):
            costs = element_costs(machine, widths)
            cross = even_width(machine)
            axes.plot(costs.index, costs["products"], color=colour("sru"), marker="o", ms=4)
            axes.plot(costs.index, costs["recurrence"], color=GREY, marker="o", ms=4)
            axes.axvline(cross, color=GREY, ls=":", lw=1.2)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            _plain(axes.yaxis)
            beside = {"textcoords": "offset points", "fontsize": 10}
            last, inner = costs.index[-1], costs.index[-min(3, len(costs))]
            axes.annotate("products", (inner, costs.loc[inner, "products"]), (-6, 6), ha="right", **beside)
            axes.annotate("recurrence", (last, costs.loc[last, "recurrence"]), (0, -15), ha="right", **beside)
            axes.text(
                cross,
                0.99,
                f" equal at {cross:.0f}",
                transform=axes.get_xaxis_transform(),
                va="top",
                fontsize=10,
            )
            axes.set_xticks(costs.index, [f"{width:g}" for width in costs.index])
            axes.minorticks_off()
            axes.set_xlabel("width of the layer")
            axes.set_ylabel("ps an element" if axes is panels[0] else "")
            axes.grid()
            axes.set_title(machine.name)
    return figure


def draw_kernel_shares(found: Sequence[Machine]) -> "Figure":
    """The recurrence alone: how near its kernel comes to the speed of a copy, against how much there is to do."""
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    title = "Does the recurrence run at the speed of a copy?"
    with canvas(1000, 350, title=title, letters=11) as figure:
        axes = figure.subplots()
        for machine, dot in zip(found, ("s", "o", "D", "^"), strict=False):
            points = [(size, share) for size, several in machine.launches.items() for share in several]
            columns, shares = zip(*sorted(points), strict=True)
            inside = "white" if machine.is_gpu else colour("sru")
            look: dict[str, Any] = {"marker": dot, "s": 40, "facecolor": inside, "edgecolor": colour("sru")}
            axes.scatter(columns, shares, label=machine.name, **look)
        axes.axhline(1.0, color=GREY, lw=1.2, ls=":")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("columns: features of all sequences of a batch, each a loop over time of its own")
        axes.set_ylabel("of a copy's speed")
        axes.grid()
        axes.legend(frameon=False, fontsize=10)
    return figure


def draw_generation(group: Comparison, models: Sequence[str], batch: int = 1) -> "Figure":
    """Tokens a second and bytes of state against what was read before, a line a model."""
    with canvas(1000, 370, title="Generating token by token: what the past costs", letters=11) as figure:
        left, right = figure.subplots(1, 2)
        for place, name in enumerate(models):
            rows = group.by_context(name, batch)
            paces = {context: row.tokens_per_s for context, row in rows.items() if row.tokens_per_s}
            bytes_ = {context: row.state_bytes / 1e3 for context, row in rows.items() if row.state_bytes}
            for axes, points in ((left, paces), (right, bytes_)):
                axes.plot([*points], [*points.values()], color=colour(name), marker="o", ms=4,
                          lw=max(1.5, 5 - 1.2 * place),  # where lines coincide, the first is seen around the next
                          label=next(iter(rows.values())).label)  # fmt: skip
        for axes, title in (
            (left, f"tokens a second, {batch} stream{'s' * (batch > 1)}"),
            (right, "state, KB"),
        ):
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(contexts := sorted({row.context for row in group.rows}), [*map(str, contexts)])
            axes.minorticks_off()
            _plain(axes.yaxis)
            axes.grid()
            axes.set_xlabel("tokens before")
            axes.set_title(title)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure
