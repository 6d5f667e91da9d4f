"""What a GPU has shown, in three sentences: whether it is right, how fast kernel and call are, and beside LSTM."""

from collections.abc import Sequence

from ..bench.speed_tables import against_lstm
from ..numbers import significant
from .claims import COLUMNS, GRAPH_TIMES, PAPER_TIMES, host_seconds, kernels
from .pages import GPUCheck


def finding(check: GPUCheck) -> str:
    """Sentences for what was measured; "" where nothing was."""
    return " ".join(sentence for sentence in (_right(check), _fast(check), _compared(check)) if sentence)


def _right(check: GPUCheck) -> str:
    page = check.pages.get("correct")
    cases = sum(piece.values.cases or 0 for piece in page.pieces if piece.state == "ok") if page else 0
    if page is None or not cases:
        return ""
    failed = page.named("failed")
    verdict = f"but {', '.join(failed)} failed" if failed else "and none was wrong"
    return f"**On one {check.first.gpu.name} ({check.date}) {cases:,} cases of the kernels were tried, {verdict}.**"


def _fast(check: GPUCheck) -> str:
    """The kernel at the pace of memory, and the host that does not keep up."""
    shares = [share for row, share, _ in kernels(check) if row.columns >= COLUMNS]
    if not shares:
        return ""
    reached = _range([100 * share for share in shares])
    text = f"From {COLUMNS:,} columns on the kernel reaches {reached} % of the speed of a copy"
    host, entry = host_seconds(check, "sru"), next(iter(check.graphed), None)
    sru = entry.row("sru") if entry else None
    plain, graph = (sru.seconds(mode) if sru else None for mode in ("training", "graph_training"))
    if host:
        cost = _range([1e6 * seconds for seconds in host.values()], whole=True)
        text += f", but a call costs the host {cost} µs a layer"
    if entry and plain and graph:
        text += (
            f" and the GPU waits: at the {entry.label}, forward and backward take {significant(1e6 * plain)} µs called "
            f"from Python and {significant(1e6 * graph)} µs as a CUDA graph"
        )
    return text + "."


def _compared(check: GPUCheck) -> str:
    """SRU beside the fastest LSTM, in both ways."""
    found = {
        mode: [
            faster
            for entry in check.graphed
            if entry.name in GRAPH_TIMES and (faster := against_lstm(entry, entry.row("sru"), mode))
        ]
        for mode in ("graph_training", "training")
    }
    if not found["graph_training"]:
        return ""
    types = sorted(
        {entry.type_of(row) for entry in check.graphed if (row := entry.baseline("graph_training"))}
    )
    graphs, peer = found["graph_training"], f"{' or '.join(types)}, as a graph"
    text = (
        f"Trained as CUDA graphs, SRU in bfloat16 is {_range(graphs)} times as fast as the fastest nn.LSTM "
    )
    where, papers = (
        "one shape" if len(graphs) == 1 else f"{len(graphs)} shapes",
        " to ".join(map(str, PAPER_TIMES)),
    )
    text += f"({peer}, at {where}), where the papers say {papers}"
    if found["training"]:
        text += f"; in a plain PyTorch loop {_range(found['training'])} times"
    return text + "."


def _range(values: Sequence[float], whole: bool = False) -> str:
    low, high = (f"{value:.0f}" if whole else f"{value:.1f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
